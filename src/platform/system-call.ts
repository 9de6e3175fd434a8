import { errno, failureOf, SystemError } from '../lib/system-error.ts';

/** There is no such path. */
export const absent: readonly number[] = [errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG];

/** Runs a host's `call`; throws a SystemError about `what` (operation and object) where the system refused. */
export function systemCall<T>(what: string, call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    throw explained(what, thrown);
  }
}

/** systemCall with null in place of these errors. EOVERFLOW says that there are more than `maxBytes`, where given. */
export function nullOn<T>(errnos: readonly number[], what: string, call: () => T, maxBytes?: number): T | null {
  try {
    return call();
  } catch (thrown) {
    const number = failureOf(thrown)?.errno ?? 0;
    if (errnos.includes(number)) return null;
    if (number === errno.EOVERFLOW && maxBytes !== undefined) {
      throw new SystemError(what, number, `more than ${maxBytes} bytes`);
    }
    throw explained(what, thrown);
  }
}

/** An error that is no failed system call stays as it is. */
function explained(what: string, thrown: unknown): unknown {
  const failure = failureOf(thrown);
  return failure === null ? thrown : new SystemError(what, failure.errno, failure.detail);
}
