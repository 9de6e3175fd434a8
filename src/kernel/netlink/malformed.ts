import { SystemError } from '../../lib/system-error.ts';

const EBADMSG = 74;

/** The error for a reply that breaks the netlink format: SystemError EBADMSG whose detail names the part and its length. */
export function malformed(detail: string): SystemError {
  return new SystemError('read a netlink reply', EBADMSG, detail);
}

/** Runs a decoder of node-netlink, whose own errors don't say what they were about. Throws SystemError EBADMSG. */
export function decoding<T>(part: string, decode: () => T): T {
  try {
    return decode();
  } catch (thrown) {
    throw malformed(`${part}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
  }
}
