import { SystemError } from '../../lib/system-error.ts';

const EBADMSG = 74;

/**
 * The error for a reply that breaks the netlink format: SystemError EBADMSG whose detail names the part and its length.
 */
export function malformed(detail: string): SystemError {
  return new SystemError('read a netlink reply', EBADMSG, detail);
}
