import { isSystemError, type SystemError } from '../lib/system-error.ts';

/** No word of the driver about a setting: no answer came, or one that was lost or malformed, or the link is gone. */
const noAnswers: readonly string[] = ['ETIMEDOUT', 'ENOBUFS', 'EINTR', 'EBADMSG', 'ENODEV'];

/**
 * Whether the kernel or the driver has answered a change with no. Drivers have many an errno for that, so it is all but
 * those that say something else; and what is no SystemError is a bug.
 */
export function isRefusal(thrown: unknown): thrown is SystemError {
  return isSystemError(thrown) && !noAnswers.includes(thrown.code);
}
