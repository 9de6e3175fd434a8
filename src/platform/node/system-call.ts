import { SystemError } from '../../lib/system-error.ts';

/** errno values that this host itself raises or compares with (asm-generic/errno*.h). */
export const errno = {
  EBUSY: 16,
  ENOENT: 2,
  EINTR: 4,
  EIO: 5,
  ENXIO: 6,
  EBADF: 9,
  EAGAIN: 11,
  EACCES: 13,
  ENODEV: 19,
  ENOTDIR: 20,
  EINVAL: 22,
  ENOTTY: 25,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  EOVERFLOW: 75,
  EMSGSIZE: 90,
  ENOPROTOOPT: 92,
  EOPNOTSUPP: 95,
} as const;

interface NodeError {
  readonly errno?: unknown;
  readonly code?: unknown;
  readonly message?: unknown;
}

/** What Node threw for a system call as a SystemError about `what`; anything else unchanged. Node's errno is negative. */
export function asSystemError(what: string, thrown: unknown): unknown {
  const { errno: number, code, message } = thrown as NodeError;
  if (thrown instanceof SystemError) return thrown;
  if (typeof number === 'number' && number < 0) return new SystemError(what, -number);
  if (code === 'ERR_INVALID_ARG_VALUE') return new SystemError(what, errno.EINVAL, String(message));
  return thrown;
}

/** True for what Node threw for that errno. */
export function isErrno(thrown: unknown, number: number): boolean {
  return (thrown as NodeError).errno === -number;
}

/** Runs `call`; throws a SystemError about `what` (operation and object) where the system refused. */
export function systemCall<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw asSystemError(what, thrown);
  }
}

/** systemCall with null in place of these errors. */
export function nullOn<T>(errnos: readonly number[], what: string, call: () => T): T | null {
  try {
    return systemCall(what, call);
  } catch (thrown) {
    if (thrown instanceof SystemError && errnos.includes(thrown.errno)) return null;
    throw thrown;
  }
}

/** There is no such path. */
export const absent: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG];
