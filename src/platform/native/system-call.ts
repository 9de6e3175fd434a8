import { SystemError } from '../../lib/system-error.ts';
import type { HostError } from './host.ts';

/** errno values that this host itself compares with (asm-generic/errno*.h). */
export const errno = {
  ENOENT: 2,
  EBADF: 9,
  EACCES: 13,
  ENOTDIR: 20,
  EINVAL: 22,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
  EOVERFLOW: 75,
} as const;

/** There is no such path. */
export const absent: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG];

/** Runs `call`; throws a SystemError about `what` (operation and object) where the host refused. */
export function systemCall<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    const { errno: number, detail } = thrown as HostError;
    if (thrown instanceof Error || typeof number !== 'number') throw thrown;
    throw new SystemError(what, number, detail);
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
