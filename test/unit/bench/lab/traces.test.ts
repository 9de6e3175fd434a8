import { countNetlinkSends, readTotal } from '../../../bench/lab/traces.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';

const test = suite('bench/lab/traces');

test('the total of strace -c, with errors and without', () => {
  const head =
    '% time     seconds  usecs/call     calls    errors syscall\n------ ----------- ----------- --------- --------- ---\n';
  const rest =
    ' 60.00    0.000300          30        10         2 openat\n------ ----------- ----------- --------- --------- ---\n';
  assert.is(readTotal(`${head}${rest}100.00    0.000500          26       388         6 total\n`), 388);
  assert.is(readTotal(`${head}${rest}100.00    0.000500          26       388           total\n`), 388);
  throws(() => readTotal(head), 'Error', 'total');
});

test('what was sent to the kernel by netlink, and nothing else', () => {
  const trace = [
    '379 sendto(7<NETLINK:[256]>, [{nlmsg_len=52, nlmsg_type=0x12}], 52, 0, {sa_family=AF_NETLINK}, 12) = 52',
    '379 sendmsg(8<NETLINK:[ROUTE:268]>, {msg_name=NULL}, 0) = 40',
    '379 sendto(9<PACKET:[33]>, "\\377", 42, 0, NULL, 0) = 42',
    '380 sendto(7<NETLINK:[256]>,  <unfinished ...>',
    '380 <... sendto resumed>[{nlmsg_len=52}], 52, 0, NULL, 0) = 52',
    '',
  ];
  assert.is(countNetlinkSends(trace.join('\n')), 3);
});
