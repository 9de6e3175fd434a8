import { NetlinkSession } from '../../../../src/kernel/netlink/session.ts';
import { SystemError } from '../../../../src/lib/system-error.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import {
  ack,
  datagram,
  done,
  FakeSocket,
  fakeSession,
  header,
  hex,
  refusal,
  type SentMessage,
  u32,
} from '../fake-kernel.ts';

const test = suite('kernel/netlink/session');

const change = { what: 'set it', type: 16, flags: 0, payload: u32(1) };
const read = { what: 'read it', type: 18, flags: 0, payload: u32(1) };
const dump = { ...read, flags: 0x300 };

test('the header: length, type, REQUEST and ACK, sequence numbers that count up', () => {
  const [session, socket] = fakeSession();
  session.request({ ...change, flags: 0x600, payload: hex('0102030405') });
  session.request(change);
  assert.equal(socket.sent[0], { type: 16, flags: 0x605, seq: 1, payload: hex('0102030405') });
  assert.is(socket.sent[1]?.seq, 2);
});

test('what was read is kept until a change is asked for, be it one that is refused', () => {
  const [session] = fakeSession((request) => [request.type === 18 ? done(request) : refusal(request, 1)]);
  let looks = 0;
  const look = (): number => session.kept('it', () => ++looks);
  assert.equal([look(), look()], [1, 1]);
  session.request(dump);
  assert.is(look(), 1);
  throws(() => session.request(change), 'EPERM');
  assert.equal([look(), look()], [2, 2]);
  session.keep('it', 7);
  assert.is(look(), 7);
});

test('reads ask for no ACK; a change with the flag bits of a dump (REPLACE, EXCL) does', () => {
  const [session, socket] = fakeSession((request) => [done(request)]);
  session.request(dump);
  session.request(read);
  session.request({ ...change, flags: 0x300 });
  assert.equal(
    socket.sent.map((message) => message.flags),
    [0x301, 0x001, 0x305],
  );
});

test('a read of one thing ends with its reply, and waits for nothing more', () => {
  const [session, socket] = fakeSession((request) => [datagram(header(request, 16, u32(7)))]);
  assert.equal(session.request(read), [u32(7)]);
  assert.is(socket.timeouts.length, 1);
});

test('the payloads of all replies, over several datagrams and several in one', () => {
  const [session] = fakeSession((request) => {
    const part = (text: string): Buffer => header(request, 16, Buffer.from(text), 2);
    return [datagram(part('one'), part('two')), datagram(part('three')), done(request)];
  });
  assert.equal(
    session.request(dump).map((payload) => payload.toString()),
    ['one', 'two', 'three'],
  );
});

test('replies and NLMSG_DONE in one datagram', () => {
  const [session] = fakeSession((request) => [
    datagram(header(request, 16, u32(7), 2), header(request, 3, Buffer.alloc(0), 2)),
  ]);
  assert.equal(session.request(dump), [u32(7)]);
});

test('an ACK alone gives no payload', () => {
  const [session] = fakeSession();
  assert.equal(session.request(change), []);
});

test('NLMSG_NOOP is passed over', () => {
  const [session] = fakeSession((request) => [datagram(header(request, 1, u32(7))), ack(request)]);
  assert.equal(session.request(read), []);
});

test('a refusal: what, errno and the kernel’s words', () => {
  const [session] = fakeSession((request) => [refusal(request, 22, 'Invalid VLAN')]);
  const error = throws(() => session.request(change), 'EINVAL', 'set it', 'Invalid VLAN');
  assert.is(error.errno, 22);
});

test('a refusal that echoes the request’s payload before the kernel’s words', () => {
  const [session] = fakeSession((request) => [refusal(request, 16, 'Device is busy', false)]);
  const message = { ...change, payload: hex('010203040506') };
  throws(() => session.request(message), 'EBUSY', 'set it', 'Device is busy');
});

test('a refusal without words', () => {
  const [session] = fakeSession((request) => [refusal(request, 95)]);
  assert.is(throws(() => session.request(change), 'EOPNOTSUPP').message, 'set it: EOPNOTSUPP');
});

test('a warning along with an ACK is no refusal', () => {
  const [session] = fakeSession((request) => [refusal(request, 0, 'deprecated')]);
  assert.equal(session.request(change), []);
});

test('words that break the format don’t hide the errno', () => {
  for (const tlv of ['ff000100 4142', '00000100 41424344', '06000100 4142', '0500']) {
    const [session] = fakeSession((request) => [
      datagram(header(request, 2, Buffer.concat([u32(-22), Buffer.alloc(16), hex(tlv)]), 0x300)),
    ]);
    throws(() => session.request(change), 'EINVAL', 'set it');
  }
});

test('an echoed length that reaches past the end doesn’t hide the errno', () => {
  for (const length of [0, 0xffffffff, 400]) {
    const [session] = fakeSession((request) => [
      datagram(header(request, 2, Buffer.concat([u32(-22), u32(length), Buffer.alloc(12)]), 0x200)),
    ]);
    throws(() => session.request(change), 'EINVAL', 'set it');
  }
});

test('NLMSG_DONE with an errno', () => {
  const [session] = fakeSession((request) => [done(request, 95, 'not here')]);
  throws(() => session.request(dump), 'EOPNOTSUPP', 'read it', 'not here');
});

test('a status that is no errno is malformed', () => {
  for (const status of [5, -4096, 0x7fffffff, -0x80000000]) {
    const [session] = fakeSession((request) => [
      datagram(header(request, 2, Buffer.concat([u32(status), Buffer.alloc(16)]))),
    ]);
    throws(() => session.request(change), 'EBADMSG', String(status));
  }
});

test('datagrams of other processes are dropped', () => {
  const [session] = fakeSession((request) => [{ ...refusal(request, 1), senderPort: 99 }, ack(request)]);
  assert.equal(session.request(change), []);
});

test('late answers to an earlier request are dropped', () => {
  const late = (request: SentMessage): SentMessage => ({ ...request, seq: request.seq - 1 });
  const [session] = fakeSession((request) => [
    refusal(late(request), 1),
    datagram(header(late(request), 16, u32(1))),
    datagram(header(request, 16, u32(2))),
    ack(request),
  ]);
  assert.equal(session.request(read), [u32(2)]);
});

test('no answer: ETIMEDOUT, never an endless wait', () => {
  const [session, socket] = fakeSession(() => []);
  throws(() => session.request(change), 'ETIMEDOUT', 'set it', '5000 ms');
  assert.equal(socket.timeouts, [5000]);
});

test('the time limit holds for the whole answer, however much foreign traffic there is', () => {
  let nowMs = 0;
  const foreign = { bytes: Buffer.alloc(0), senderPort: 1 };
  const socket = new FakeSocket(() => new Array(100).fill(foreign));
  const monotonicMs = (): number => {
    nowMs += 200;
    return nowMs;
  };
  const session = new NetlinkSession(socket, { monotonicMs, sleepMs: () => undefined });
  throws(() => session.request(read), 'ETIMEDOUT');
  assert.ok(socket.timeouts.length < 30, String(socket.timeouts.length));
});

test('a driver that takes longer than the limit to carry a request out is waited for', () => {
  let nowMs = 0;
  const socket = new FakeSocket((request) => {
    nowMs += 60_000;
    return [ack(request)];
  });
  const session = new NetlinkSession(socket, { monotonicMs: () => nowMs, sleepMs: () => undefined });
  assert.equal(session.request(change), []);
});

test('malformed datagrams: EBADMSG that names the length', () => {
  const malformed: Readonly<Record<string, (request: SentMessage) => Buffer>> = {
    'a truncated header': () => Buffer.alloc(15),
    'nlmsg_len 0': () => Buffer.alloc(16),
    'nlmsg_len under 16': () => Buffer.concat([u32(15), Buffer.alloc(12)]),
    'nlmsg_len past the end': (request) => header(request, 16, Buffer.alloc(8)).subarray(0, 20),
    'a second message that is cut': (request) => Buffer.concat([header(request, 16, u32(1)), Buffer.alloc(7, 1)]),
    'NLMSG_ERROR without its header': (request) => header(request, 2, u32(0)),
    'NLMSG_DONE with half a status': (request) => header(request, 3, Buffer.alloc(2)),
  };
  for (const [name, build] of Object.entries(malformed)) {
    const [session] = fakeSession((request) => [datagram(build(request)), ack(request)]);
    const error = throws(() => session.request(read), 'EBADMSG');
    assert.match(error.message, /\d/, name);
  }
});

test('an empty datagram says nothing', () => {
  const [session] = fakeSession((request) => [datagram(), ack(request)]);
  assert.equal(session.request(read), []);
});

test('an interrupted dump is read again, and only the whole one counts', () => {
  const [session, socket] = fakeSession((request, attempt) => [
    datagram(header(request, 16, u32(attempt), attempt === 1 ? 0x12 : 2)),
    done(request),
  ]);
  assert.equal(session.request(dump), [u32(2)]);
  assert.is(socket.sent.length, 2);
});

test('a dump that is interrupted at its very end (NLMSG_DONE) is read again', () => {
  const [session, socket] = fakeSession((request, attempt) => [
    datagram(header(request, 3, u32(0), attempt === 1 ? 0x12 : 2)),
  ]);
  session.request(dump);
  assert.is(socket.sent.length, 2);
});

test('a dump that is always interrupted ends with EINTR', () => {
  const [session, socket] = fakeSession((request) => [datagram(header(request, 3, u32(0), 0x12))]);
  throws(() => session.request(dump), 'EINTR');
  assert.is(socket.sent.length, 10);
});

test('a search takes what it finds in a dump that is always interrupted, and asks again only if it finds nothing', () => {
  const answer = (request: SentMessage): ReturnType<typeof datagram>[] => [
    datagram(header(request, 16, u32(7), 0x12), header(request, 16, u32(8), 0x12), header(request, 3, u32(0), 0x12)),
  ];
  const [finding, socket] = fakeSession(answer);
  assert.equal(
    finding.search(dump, (payload) => payload.readUInt32LE(0) === 8),
    [u32(8)],
  );
  assert.is(socket.sent.length, 1);
  const [vain, asked] = fakeSession(answer);
  throws(() => vain.search(dump, () => false), 'EINTR');
  assert.is(asked.sent.length, 10);
});

test('lost answers (ENOBUFS): a read is sent again, a change never', () => {
  const lossy = (request: SentMessage, attempt: number): (Error | ReturnType<typeof ack>)[] =>
    attempt === 1 ? [new SystemError('recv', 105)] : [datagram(header(request, 16, u32(7))), ack(request)];
  assert.equal(fakeSession(lossy)[0].request(read), [u32(7)]);
  const [session, socket] = fakeSession(lossy);
  throws(() => session.request(change), 'ENOBUFS');
  assert.is(socket.sent.length, 1);
});

test('NLMSG_OVERRUN counts as lost answers', () => {
  const [session, socket] = fakeSession((request, attempt) => [
    attempt === 1 ? datagram(header(request, 4, u32(0))) : ack(request),
  ]);
  session.request(read);
  assert.is(socket.sent.length, 2);
});

test('other errors of the socket come through as they are', () => {
  const broken = new SystemError('recv on the route socket', 9);
  const [session] = fakeSession(() => [broken]);
  assert.is(
    throws(() => session.request(read), 'EBADF'),
    broken,
  );
});

test('ENODEV of the socket is not taken for the kernel’s word about a link', () => {
  const [session] = fakeSession(() => {
    throw new SystemError('send to netlink', 19);
  });
  throws(() => session.request(read), 'EIO', 'read it', 'send to netlink', 'ENODEV');
});

test('the session goes on after a malformed answer', () => {
  const [session] = fakeSession((request, attempt) => (attempt === 1 ? [datagram(Buffer.alloc(3))] : [ack(request)]));
  throws(() => session.request(read), 'EBADMSG');
  assert.equal(session.request(read), []);
});
