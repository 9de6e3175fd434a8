import { walkAttributes } from '../../kernel/netlink/attributes.ts';
import { decodeMessages } from '../../kernel/netlink/messages.ts';
import type { Redaction } from './redact.ts';

/** The kind of an attribute, or the rules for those in it. `blank`: it may hold addresses, and no command reads it. */
type Rule = 'ip' | 'address' | 'blank' | Rules | { readonly macAt: number };
interface Rules {
  readonly [type: number]: Rule;
}

// By number, of linux/if_link.h, if_addr.h, rtnetlink.h, neighbour.h.
const ofVf: Rules = { 1: { macAt: 4 }, 10: 'blank', 11: 'blank', 13: 'blank' };
const ofLink: Rules = {
  1: 'address',
  2: 'address',
  54: 'address',
  22: { 1: ofVf },
  // IFLA_LINKINFO: data of tunnels, and of bonds and their ports
  18: { 2: 'blank', 5: 'blank' },
  // IFLA_PROTINFO, IFLA_IFALIAS, IFLA_AF_SPEC, IFLA_PHYS_PORT_ID, IFLA_PHYS_SWITCH_ID
  12: 'blank',
  20: 'blank',
  26: 'blank',
  28: 'blank',
  36: 'blank',
};

/** By type of message: length of the family's header, and rules for the attributes behind it. */
const messages: Readonly<Record<number, { readonly headerLength: number; readonly rules: Rules }>> = {
  16: { headerLength: 16, rules: ofLink },
  20: { headerLength: 8, rules: { 1: 'ip', 2: 'ip', 4: 'ip', 5: 'ip', 7: 'ip' } },
  24: { headerLength: 12, rules: { 1: 'ip', 2: 'ip', 5: 'ip', 7: 'ip', 9: 'blank', 18: 'blank', 22: 'blank' } },
  28: { headerLength: 12, rules: { 1: 'ip', 2: 'address' } },
};

/** NLMSG_MIN_TYPE: below it are errors and ends. */
const firstOfFamily = 16;

function redactAttributes(data: Buffer, rules: Rules, redaction: Redaction, from: number): void {
  const replace = (begin: number, end: number, change: (bytes: Buffer) => Buffer): void => {
    data.set(change(data.subarray(begin, end)), begin);
  };
  walkAttributes(
    'a reply',
    data,
    (type, begin, end) => {
      const rule = rules[type];
      if (rule === undefined) return false;
      const length = end - begin;
      const isIp = length === 4 || length === 16;
      if (typeof rule === 'object' && 'macAt' in rule) {
        const at = begin + (rule.macAt as number);
        if (at + 6 <= end) replace(at, at + 6, (bytes) => redaction.mac(bytes));
      } else if (typeof rule === 'object') redactAttributes(data.subarray(begin, end), rule as Rules, redaction, 0);
      else if (rule === 'address' && length === 6) replace(begin, end, (bytes) => redaction.mac(bytes));
      else if (rule !== 'blank' && isIp) replace(begin, end, (bytes) => redaction.ip(bytes));
      else data.fill(0, begin, end);
      return false;
    },
    from,
  );
}

/**
 * A datagram of rtnetlink without the addresses in it. The content of unknown messages is blanked. Throws SystemError
 * EBADMSG.
 */
export function redactDatagram(datagram: Buffer, redaction: Redaction): Buffer {
  const bytes = Buffer.from(datagram);
  for (const { type, data } of decodeMessages(bytes)) {
    if (type < firstOfFamily) continue;
    const known = messages[type];
    if (known === undefined) data.fill(0);
    else redactAttributes(data, known.rules, redaction, known.headerLength);
  }
  return bytes;
}
