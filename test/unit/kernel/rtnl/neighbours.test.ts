import { parseAddress } from '../../../../src/kernel/ip-text.ts';
import { askForNeighbour, removeNeighbour } from '../../../../src/kernel/rtnl/neighbours.ts';
import { suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { fakeSession, refusal } from '../fake-kernel.ts';
import { type SentMessageCase, testSentBytes } from './sent-bytes.ts';

const test = suite('kernel/rtnl/neighbours');

const ipv4 = parseAddress('10.1.2.3');
const ipv6 = parseAddress('fd00:1::3');
const v6Attribute = '14 00 01 00 fd 00 00 01 00 00 00 00 00 00 00 00 00 00 00 03';

/**
 * Captured with `strace -e trace=sendmsg -e write=all ip ...`, iproute2 6.1, on ifindex 6. There `add` has NLM_F_EXCL
 * too, and `del` a state, which the kernel ignores.
 */
const sent: readonly SentMessageCase[] = [
  [
    'ip neigh add 10.1.2.3 dev net1 nud none use',
    (s) => askForNeighbour(s, 6, ipv4),
    28,
    0x405,
    '02 00 00 00 06 00 00 00 00 00 01 00 08 00 01 00 0a 01 02 03',
  ],
  [
    'ip neigh del 10.1.2.3 dev net1',
    (s) => removeNeighbour(s, 6, ipv4),
    29,
    5,
    '02 00 00 00 06 00 00 00 00 00 00 00 08 00 01 00 0a 01 02 03',
  ],
  [
    'ip neigh add fd00:1::3 dev net1 nud none use',
    (s) => askForNeighbour(s, 6, ipv6),
    28,
    0x405,
    `0a 00 00 00 06 00 00 00 00 00 01 00 ${v6Attribute}`,
  ],
];

testSentBytes(test, sent);

test('a refusal names the address, the interface and the command', () => {
  const [session] = fakeSession((request) => [refusal(request, 19)]);
  const command = 'ip neigh add 10.1.2.3 dev if6 nud none use';
  throws(() => askForNeighbour(session, 6, ipv4), 'ENODEV', '10.1.2.3', 'interface 6', command);
});
