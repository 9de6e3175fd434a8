import type { NetlinkSession } from '../../../../src/kernel/netlink/session.ts';
import { assert, type Suite } from '../../../support/suite.ts';
import { fakeSession, hex } from '../fake-kernel.ts';

/**
 * A program of iproute2's, what does the same here, and the message that both send: its type, flags and payload, in
 * hex.
 */
export type SentMessageCase = readonly [
  command: string,
  send: (session: NetlinkSession) => void,
  type: number,
  flags: number,
  payload: string,
];

/** Registers a test for each, that it is sent and nothing else. */
export function testSentBytes(test: Suite, cases: readonly SentMessageCase[]): void {
  for (const [command, send, type, flags, payload] of cases) {
    test(`the bytes of \`${command}\`, in one message`, () => {
      const [session, socket] = fakeSession();
      send(session);
      const sent = socket.sent.map((message) => [message.type, message.flags, message.payload.toString('hex')]);
      assert.equal(sent, [[type, flags, hex(payload).toString('hex')]]);
    });
  }
}
