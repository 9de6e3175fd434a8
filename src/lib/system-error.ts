/** errno values that this program tells apart (asm-generic/errno*.h; the same on x86-64 and arm64). */
const errnoNames: Readonly<Record<number, string>> = {
  1: 'EPERM',
  2: 'ENOENT',
  3: 'ESRCH',
  4: 'EINTR',
  5: 'EIO',
  6: 'ENXIO',
  8: 'ENOEXEC',
  9: 'EBADF',
  11: 'EAGAIN',
  12: 'ENOMEM',
  13: 'EACCES',
  14: 'EFAULT',
  16: 'EBUSY',
  17: 'EEXIST',
  19: 'ENODEV',
  20: 'ENOTDIR',
  21: 'EISDIR',
  22: 'EINVAL',
  24: 'EMFILE',
  27: 'EFBIG',
  28: 'ENOSPC',
  30: 'EROFS',
  32: 'EPIPE',
  34: 'ERANGE',
  36: 'ENAMETOOLONG',
  40: 'ELOOP',
  71: 'EPROTO',
  74: 'EBADMSG',
  75: 'EOVERFLOW',
  90: 'EMSGSIZE',
  92: 'ENOPROTOOPT',
  93: 'EPROTONOSUPPORT',
  95: 'EOPNOTSUPP',
  97: 'EAFNOSUPPORT',
  98: 'EADDRINUSE',
  99: 'EADDRNOTAVAIL',
  100: 'ENETDOWN',
  101: 'ENETUNREACH',
  105: 'ENOBUFS',
  110: 'ETIMEDOUT',
  113: 'EHOSTUNREACH',
  122: 'EDQUOT',
};

/** The symbolic name of an errno, or `errno N` where this program has none for it. */
export function errnoName(errno: number): string {
  return errnoNames[errno] ?? `errno ${errno}`;
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

  constructor(what: string, errno: number, detail?: string) {
    super(`${what}: ${errnoName(errno)}${detail === undefined || detail === '' ? '' : ` (${detail})`}`);
    this.errno = errno;
    this.code = errnoName(errno);
  }
}

export function isSystemError(thrown: unknown, ...codes: readonly string[]): thrown is SystemError {
  if (!(thrown instanceof Error) || thrown.name !== 'SystemError') return false;
  return codes.length === 0 || codes.includes((thrown as SystemError).code);
}
