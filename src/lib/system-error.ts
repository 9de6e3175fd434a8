/** errno values that this program tells apart (asm-generic/errno*.h; the same on x86-64 and arm64). */
export const errno = {
  EPERM: 1,
  ENOENT: 2,
  ESRCH: 3,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  ENOEXEC: 8,
  EBADF: 9,
  ECHILD: 10,
  EAGAIN: 11,
  ENOMEM: 12,
  EACCES: 13,
  EFAULT: 14,
  EBUSY: 16,
  EEXIST: 17,
  ENODEV: 19,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENFILE: 23,
  EMFILE: 24,
  EFBIG: 27,
  ENOSPC: 28,
  EROFS: 30,
  EPIPE: 32,
  ERANGE: 34,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  ELOOP: 40,
  ENODATA: 61,
  EPROTO: 71,
  EBADMSG: 74,
  EOVERFLOW: 75,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EAFNOSUPPORT: 97,
  EADDRINUSE: 98,
  EADDRNOTAVAIL: 99,
  ENETDOWN: 100,
  ENETUNREACH: 101,
  ENOBUFS: 105,
  ETIMEDOUT: 110,
  EHOSTUNREACH: 113,
  EDQUOT: 122,
} as const;

export type ErrnoName = keyof typeof errno;

/** The symbolic name of an errno, or `errno N` if it isn't in the table. */
export function errnoName(number: number): string {
  for (const name in errno) if (errno[name as ErrnoName] === number) return name;
  return `errno ${number}`;
}

/**
 * A system call that failed, with its errno; `what` names the operation and its object, `detail` the kernel's own words
 * (netlink extack). Recognised by `name` and not by class, because separately loaded parts have classes of their own.
 */
export class SystemError extends Error {
  override readonly name = 'SystemError';
  readonly errno: number;
  /** 'EBUSY', ... */
  readonly code: string;

  constructor(what: string, number: number, detail?: string) {
    const code = errnoName(number);
    super(`${what}: ${code}${detail === undefined || detail === '' ? '' : ` (${detail})`}`);
    this.errno = number;
    this.code = code;
  }
}

export function isSystemError(thrown: unknown, ...codes: readonly ErrnoName[]): thrown is SystemError {
  if (!(thrown instanceof Error) || thrown.name !== 'SystemError') return false;
  return codes.length === 0 || (codes as readonly string[]).includes((thrown as SystemError).code);
}

/** The failure of a host's system call. */
export interface SystemFailure {
  readonly errno: number;
  /** The kernel's own words, or ''. */
  readonly detail: string;
}

interface HostError {
  readonly errno?: unknown;
  readonly detail?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/**
 * The failure of a system call in what a host's function threw. The native host throws a SystemFailure, Node an Error
 * whose errno is negative, or without errno if Node itself refuses an argument, such as a NUL in a path. Null for
 * anything else.
 */
export function failureOf(thrown: unknown): SystemFailure | null {
  if (isSystemError(thrown)) return null;
  const { errno: number, detail = '', code, message } = Object(thrown) as HostError;
  if (code === 'ERR_INVALID_ARG_VALUE') return { errno: errno.EINVAL, detail: String(message) };
  return typeof number === 'number' ? { errno: Math.abs(number), detail: String(detail) } : null;
}
