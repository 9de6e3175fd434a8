import { listVfStatistics, readLinkStatistics } from '../../../../src/kernel/rtnl/statistics.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { answering, attributeSet, fakeSession, linkPayload, nla, refusal, u32 } from '../fake-kernel.ts';

const test = suite('kernel/rtnl/statistics');

const u64 = (value: bigint | number): Buffer => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
};

/** IFLA_VF_INFO as long as Linux 6.12 makes it, with the attributes that are read and room in place of the others. */
function vfInfo(index: number, counters: Readonly<Record<number, bigint | number>>): Buffer {
  const stats = Object.entries(counters).map(([type, value]) => nla(Number(type), u64(value)));
  return nla(1, nla(1, u32(index), Buffer.alloc(32)), nla(2, Buffer.alloc(148)), nla(8, ...stats));
}

const allEight = { 0: 10, 1: 20, 2: 3000n, 3: 2n ** 40n + 7n, 4: 4, 5: 5, 7: 6, 8: 8 };
const none = { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0, 7: 0, 8: 0 };

/** A reply with IFLA_NUM_VF and the list; from 64 KiB on its length is cut to 16 bits, as nla_nest_end() does. */
function withList(count: number, ...infos: readonly Buffer[]): Buffer {
  const body = Buffer.concat(infos);
  const head = Buffer.alloc(4);
  head.writeUInt16LE((body.length + 4) & 0xffff, 0);
  head.writeUInt16LE(22, 2);
  return linkPayload(3, 'pf0', nla(21, u32(count)), head, body, nla(43, Buffer.alloc(4)));
}

test('the counters of all VFs, asked for with statistics', () => {
  const [session, socket] = answering(16, withList(2, vfInfo(0, none), vfInfo(5, allEight)));
  const counted = listVfStatistics(session, 3);
  assert.equal([...counted.keys()], [0, 5]);
  assert.equal(counted.get(5), {
    rxPackets: 10,
    txPackets: 20,
    rxBytes: 3000,
    txBytes: 2 ** 40 + 7,
    rxBroadcast: 4,
    rxMulticast: 5,
    rxDropped: 6,
    txDropped: 8,
    rxErrors: null,
    txErrors: null,
  });
  // RTEXT_FILTER_VF without RTEXT_FILTER_SKIP_STATS
  assert.equal(attributeSet(socket.last.payload.subarray(16)), ['29: 01000000']);
});

test('256 VFs: the list is longer than its length can say, and all of them are read', () => {
  const infos = Array.from({ length: 256 }, (_, index) => vfInfo(index, { ...none, 0: index + 1 }));
  const reply = withList(256, ...infos);
  assert.ok(reply.length > 0xffff);
  const [session] = answering(16, reply);
  const counted = listVfStatistics(session, 3);
  assert.is(counted.size, 256);
  assert.is(counted.get(255)?.rxPackets, 256);
});

test('a PF that counts nothing, has no VFs, or whose kernel says no wrong length', () => {
  for (const reply of [withList(2, vfInfo(0, none), vfInfo(1, none)), withList(0), linkPayload(3, 'pf0')]) {
    assert.is(listVfStatistics(answering(16, reply)[0], 3).size, 0);
  }
  const [session] = fakeSession((request) => [refusal(request, 90)]);
  assert.is(listVfStatistics(session, 3).size, 0);
});

test('what breaks the format is no counter', () => {
  const cut = withList(1, nla(1, nla(1, u32(0), Buffer.alloc(32)), nla(8, nla(0, Buffer.alloc(4)))));
  throws(() => listVfStatistics(answering(16, cut)[0], 3), 'EBADMSG', 'IFLA_VF_STATS');
  throws(
    () => readLinkStatistics(answering(16, linkPayload(3, 'pf0', nla(23, Buffer.alloc(8))))[0], 3),
    'EBADMSG',
    'IFLA_STATS64',
  );
});

test('a netdev’s own: missed packets are dropped ones, as in /proc/net/dev', () => {
  const words = Array.from({ length: 25 }, (_, at) => u64(at + 1));
  const [session, socket] = answering(16, linkPayload(3, 'pf0', nla(23, ...words)));
  assert.equal(readLinkStatistics(session, 3), {
    rxPackets: 1,
    txPackets: 2,
    rxBytes: 3,
    txBytes: 4,
    rxErrors: 5,
    txErrors: 6,
    rxDropped: 7 + 16,
    txDropped: 8,
    rxMulticast: 9,
    rxBroadcast: null,
  });
  assert.equal(attributeSet(socket.last.payload.subarray(16)), []);
  const [gone] = fakeSession((request) => [refusal(request, 19)]);
  assert.is(readLinkStatistics(gone, 3), null);
});
