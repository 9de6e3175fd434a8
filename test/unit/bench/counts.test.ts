import { readTotal, readTrace } from '../../bench/counts.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('bench/counts');

test('the total that callgrind writes', () => {
  assert.is(readTotal('# callgrind format\nevents: Ir\nsummary: 25612345\n\nfn=(1)\n0 7\n'), 25_612_345);
  assert.is(readTotal('events: Ir\nfn=(1)\n0 7\ntotals: 7\n'), 7);
  throws(() => readTotal('events: Ir\n'), 'Error', 'total');
});

test('calls and netlink messages in what strace writes', () => {
  const trace = `execve("/x", ["/x"], 0x7ff /* 14 vars */) = 0
sendto(7, [{nlmsg_len=48, nlmsg_type=RTM_GETLINK, nlmsg_flags=NLM_F_REQUEST, nlmsg_seq=1, nlmsg_pid=0}, {}], 48, 0, {}, 12) = 48
sendto(3, "not netlink", 11, 0, NULL, 0) = 11
--- SIGCHLD {si_signo=SIGCHLD} ---
exit_group(0)                           = ?
+++ exited with 0 +++
`;
  assert.equal(readTrace(trace), { systemCalls: 4, netlinkMessages: 1 });
});
