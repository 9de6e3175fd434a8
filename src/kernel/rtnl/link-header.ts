// The struct that begins messages about links (linux/rtnetlink.h), by node-netlink's codec. It takes flags by name;
// `__unknown` hands it a number as it is. The other structs are in headers.ts: a run without addresses needs none.
import { formatLink } from 'netlink/dist/rt/gen_structs.js';

/** struct ifinfomsg: `flags` and `change` are IFF_*. */
export function linkHeader(fields: {
  readonly index?: number;
  readonly flags?: number;
  readonly change?: number;
}): Buffer {
  const { index = 0, flags = 0, change = 0 } = fields;
  return formatLink({ index, flags: { __unknown: flags }, change: { __unknown: change } });
}
