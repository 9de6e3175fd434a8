import { errno, failureOf, SystemError, type SystemFailure } from '../lib/system-error.ts';

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

/**
 * systemCall with null in place of these errors; `call` may also return its failure. EOVERFLOW says that there are more
 * than `maxBytes`, where given.
 */
export function nullOn<T>(
  errnos: readonly number[],
  what: string,
  call: () => T | SystemFailure,
  maxBytes?: number,
): T | null {
  const result = failureOr(call);
  if (!isFailure(result)) return result;
  if (errnos.includes(result.errno)) return null;
  const isTooMuch = result.errno === errno.EOVERFLOW && maxBytes !== undefined;
  throw new SystemError(what, result.errno, isTooMuch ? `more than ${maxBytes} bytes` : result.detail);
}

function failureOr<T>(call: () => T): T | SystemFailure {
  try {
    return call();
  } catch (thrown) {
    const failure = failureOf(thrown);
    if (failure === null) throw thrown;
    return failure;
  }
}

function isFailure(result: unknown): result is SystemFailure {
  return typeof result === 'object' && result !== null && 'errno' in result;
}

/** An error that is no failed system call stays as it is. */
function explained(what: string, thrown: unknown): unknown {
  const failure = failureOf(thrown);
  return failure === null ? thrown : new SystemError(what, failure.errno, failure.detail);
}
