import { isSystemError, type SystemError } from '../lib/system-error.ts';

/** Errnos that tell nothing of a setting: the answer didn't come, was lost or malformed, or the link is gone. */
const noAnswers: readonly string[] = ['ETIMEDOUT', 'ENOBUFS', 'EINTR', 'EBADMSG', 'ENODEV'];

/**
 * Whether the kernel or the driver has refused a change. Drivers have many errnos for that, so any counts but those
 * that say something else. What is no SystemError is a bug.
 */
export function isRefusal(thrown: unknown): thrown is SystemError {
  return isSystemError(thrown) && !noAnswers.includes(thrown.code);
}
