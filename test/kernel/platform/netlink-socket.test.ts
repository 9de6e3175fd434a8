import { readdirSync } from 'node:fs';
import type { Datagram, NetlinkSocket, Netns } from '../../../src/platform/platform.ts';
import { asRoot, type TestNetns, withNetns } from '../../support/netns.ts';
import { createNodePlatform } from '../../support/node-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { linkName, linkRequest, NLMSG_DONE, NLMSG_ERROR, RTM_NEWLINK, splitMessages } from './route-message.ts';

const test = asRoot(suite('kernel/platform/netlink-socket'));
const platform = createNodePlatform({});
const RTMGRP_LINK = 1;
const limitMs = 60_000;

function within(body: (socket: NetlinkSocket, ns: TestNetns, netns: Netns) => void, groups = 0): void {
  withNetns((ns) => {
    const netns = platform.openNetns(ns.path);
    if (netns === null) throw new Error('absent');
    const socket = platform.openNetlink(netns, groups);
    try {
      body(socket, ns, netns);
    } finally {
      socket.close();
      netns.close();
    }
  });
}

function receive(socket: NetlinkSocket): Datagram {
  const datagram = socket.receive(limitMs);
  if (datagram === null) throw new Error('nothing came');
  return datagram;
}

/** All datagrams of a dump's answer. */
function dump(socket: NetlinkSocket, seq: number): Datagram[] {
  socket.send(linkRequest(seq));
  const datagrams: Datagram[] = [];
  for (;;) {
    const datagram = receive(socket);
    datagrams.push(datagram);
    if (splitMessages(datagram.bytes).some(({ type }) => type === NLMSG_DONE)) return datagrams;
  }
}

/** The port that the kernel gave the socket with its first request. */
function portOf(socket: NetlinkSocket): number {
  const [message] = dump(socket, 1).flatMap(({ bytes }) => splitMessages(bytes));
  return message?.port ?? 0;
}

function names(datagrams: readonly Datagram[]): string[] {
  return datagrams
    .flatMap(({ bytes }) => splitMessages(bytes))
    .filter(({ type }) => type === RTM_NEWLINK)
    .map(({ payload }) => linkName(payload))
    .sort();
}

test('a socket made inside lists the links inside, and keeps to that namespace', () => {
  within((socket, ns) => {
    assert.equal(names(dump(socket, 1)), ['lo']);
    ns.ip('link', 'add', 'veth-a', 'type', 'veth', 'peer', 'name', 'veth-b');
    ns.ip('link', 'add', 'mac0', 'link', 'veth-a', 'type', 'macvlan', 'mode', 'bridge');
    assert.equal(names(dump(socket, 2)), ['lo', 'mac0', 'veth-a', 'veth-b']);
    const own = platform.openNetlink();
    const ownNames = names(dump(own, 3));
    own.close();
    assert.ok(ownNames.includes('lo'));
    assert.not(ownNames.includes('veth-a'));
  });
});

test('answers come from the kernel, to our port, with our number', () => {
  within((socket, _ns, netns) => {
    const other = platform.openNetlink(netns);
    const [port, otherPort] = [portOf(socket), portOf(other)];
    assert.ok(port > 0);
    assert.is.not(otherPort, port);
    const datagrams = dump(socket, 4711);
    for (const { bytes, senderPort } of datagrams) {
      assert.is(senderPort, 0);
      for (const message of splitMessages(bytes)) assert.equal([message.seq, message.port], [4711, port]);
    }
    assert.is(other.receive(0), null);
    other.close();
  });
});

test('a datagram of another process shows its sender', () => {
  within((socket, ns) => {
    const script = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
s.sendto(struct.pack('IHHII', 16, 3, 0, 1, 0), (${portOf(socket)}, 0))
print(s.getsockname()[0])`;
    const sender = Number(ns.run('python3', '-c', script));
    const { senderPort, bytes } = receive(socket);
    assert.is(senderPort, sender);
    assert.is(bytes.length, 16);
  });
});

test('many links come in many datagrams, none of them cut', () => {
  within((socket, ns) => {
    const count = 150;
    const batch = Array.from({ length: count }, (_, index) => `link add a${index} type veth peer name b${index}`);
    ns.run('sh', '-c', `ip -batch - <<'END'\n${batch.join('\n')}\nEND`);
    const datagrams = dump(socket, 5);
    assert.ok(datagrams.length > 3, `${datagrams.length} datagrams`);
    const total = datagrams.reduce((sum, { bytes }) => sum + bytes.length, 0);
    assert.ok(total > 64 * 1024, `${total} bytes`);
    assert.is(names(datagrams).length, 2 * count + 1);
  });
});

/** Has another process send a datagram of so many bytes. */
function sendFromOutside(ns: TestNetns, socket: NetlinkSocket, size: number): void {
  const script = `
import socket, struct
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.bind((0, 0))
n = ${size}
SO_SNDBUFFORCE = 32
s.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 1 << 22)
s.sendto(struct.pack('IHHII', n, 3, 0, 1, 0) + bytes(i % 251 for i in range(n - 16)), (${portOf(socket)}, 0))`;
  ns.run('python3', '-c', script);
}

test('a single datagram of more than 32 KiB comes whole', () => {
  within((socket, ns) => {
    for (const size of [100_000, 1 << 20]) {
      sendFromOutside(ns, socket, size);
      const { bytes } = receive(socket);
      assert.is(bytes.length, size);
      assert.ok(bytes.subarray(16).every((byte, index) => byte === index % 251));
    }
  });
});

test('a datagram too large to be the kernel’s is an error, and the next one comes', () => {
  within((socket, ns) => {
    sendFromOutside(ns, socket, (1 << 20) + 1);
    throws(() => receive(socket), 'EMSGSIZE');
    sendFromOutside(ns, socket, 16);
    assert.is(receive(socket).bytes.length, 16);
  });
});

test('a question about one link has one answer where no ACK is asked for', () => {
  within((socket) => {
    socket.send(linkRequest(8, 1));
    const answers = splitMessages(receive(socket).bytes);
    assert.equal(
      answers.map(({ type }) => type),
      [RTM_NEWLINK],
    );
    assert.is(socket.receive(50), null);
  });
});

test('an unknown link is answered with an error', () => {
  within((socket) => {
    socket.send(linkRequest(6, 9999));
    const [answer] = splitMessages(receive(socket).bytes);
    assert.is(answer?.type, NLMSG_ERROR);
    assert.is(answer?.payload.readInt32LE(0), -19);
  });
});

test('a dump may be asked for one link (strict checking), and a refusal has words (extended ack)', () => {
  within((socket) => {
    const malformed = linkRequest(7);
    malformed.writeUInt32LE(0x1, 24);
    socket.send(malformed);
    const [answer] = splitMessages(receive(socket).bytes);
    const text = answer?.payload.toString('latin1') ?? '';
    assert.match(text, /Invalid values in header for link dump request/);
  });
});

test('waits as long as asked, and no longer', () => {
  within((socket) => {
    const beginMs = platform.monotonicMs();
    assert.is(socket.receive(0), null);
    assert.is(socket.receive(120.5), null);
    const tookMs = platform.monotonicMs() - beginMs;
    assert.ok(tookMs >= 119 && tookMs < 60_000, `waited ${tookMs} ms`);
  });
});

test('a member of a group hears of changes, others do not', () => {
  within((events, ns, netns) => {
    const deaf = platform.openNetlink(netns);
    ns.ip('link', 'set', 'lo', 'up');
    const heard = splitMessages(receive(events).bytes);
    assert.equal(
      heard.map(({ type, payload }) => [type, linkName(payload)]),
      [[RTM_NEWLINK, 'lo']],
    );
    assert.is(deaf.receive(20), null);
    deaf.close();
  }, RTMGRP_LINK);
});

test('events that overflow the buffer are reported as ENOBUFS, and the socket works on', () => {
  within((events, ns) => {
    const flips = Array.from({ length: 6000 }, (_, index) => `link set lo mtu ${1500 + (index % 2)}`);
    ns.run('sh', '-c', `ip -batch - <<'END'\n${flips.join('\n')}\nEND`);
    throws(
      () => {
        while (events.receive(0) !== null);
      },
      'ENOBUFS',
      'netlink',
    );
    while (events.receive(0) !== null);
    ns.ip('link', 'set', 'lo', 'up');
    assert.ok(events.receive(limitMs));
  }, RTMGRP_LINK);
});

test('a closed socket refuses, and leaves no descriptor', () => {
  platform.ownNetns();
  const before = readdirSync('/proc/self/fd').length;
  within((socket) => {
    socket.close();
    socket.close();
    for (const use of [() => socket.send(linkRequest(1)), () => socket.receive(0)]) {
      throws(use, 'EBADF');
    }
  });
  assert.is(readdirSync('/proc/self/fd').length, before);
});
