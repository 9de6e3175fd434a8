// The VF settings of a PF at message level (IFLA_VFINFO_LIST), changed in the kernel's order (do_setvfinfo,
// net/core/rtnetlink.c): a refused setting leaves those before it set, as the kernel does.
import { attribute, attributesOf, words } from './netlink-bytes.ts';

export interface FakeVf {
  mac: string;
  vlan: number;
  qos: number;
  proto: number;
  spoofchk: number;
  trust: number;
  linkState: number;
  minTxRate: number;
  maxTxRate: number;
  /**
   * rx and tx packets, rx and tx bytes, broadcast, multicast, (padding), rx and tx dropped; absent if the driver counts
   * nothing.
   */
  counters?: readonly number[];
}

const IFLA_NUM_VF = 21;
export const IFLA_VFINFO_LIST = 22;
const IFLA_VF_VLAN_LIST = 12;
const ETH_P_8021Q = 0x8100;
const EINVAL = 22;

/** In the order in which the kernel applies them. */
const vfAttributes = { mac: 1, vlan: 2, vlanList: 12, rate: 6, spoofchk: 4, linkState: 5, trust: 9 } as const;
export type VfAttributeName = keyof typeof vfAttributes;

export const newFakeVf: Readonly<FakeVf> = {
  mac: '00:00:00:00:00:00',
  vlan: 0,
  qos: 0,
  proto: ETH_P_8021Q,
  spoofchk: 1,
  trust: 0,
  linkState: 0,
  minTxRate: 0,
  maxTxRate: 0,
};

export function macText(bytes: Buffer): string {
  return (bytes.toString('hex').match(/../g) ?? []).join(':');
}

export function u64s(numbers: readonly number[], length = numbers.length): Buffer {
  const bytes = Buffer.alloc(8 * length);
  for (const [at, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), 8 * at);
  return bytes;
}

/** IFLA_VF_STATS, for which the kernel sends zeros if the driver counts nothing. */
function encodeCounters({ counters = [] }: FakeVf): Buffer {
  const types = [0, 1, 2, 3, 4, 5, 7, 8];
  return attribute(8, Buffer.concat(types.map((type) => attribute(type, u64s([counters[type] ?? 0])))));
}

/** IFLA_VF_INFO */
function encodeVf(vf: FakeVf, index: number, withCounters: boolean): Buffer {
  const mac = Buffer.concat([words(index), Buffer.from(vf.mac.replaceAll(':', ''), 'hex'), Buffer.alloc(26)]);
  const vlanInfo = Buffer.concat([words(index, vf.vlan, vf.qos), Buffer.alloc(4)]);
  vlanInfo.writeUInt16BE(vf.proto, 12);
  return attribute(
    1,
    Buffer.concat([
      attribute(1, mac),
      attribute(2, words(index, vf.vlan, vf.qos)),
      attribute(6, words(index, vf.minTxRate, vf.maxTxRate)),
      attribute(3, words(index, vf.maxTxRate)),
      attribute(4, words(index, vf.spoofchk)),
      attribute(5, words(index, vf.linkState)),
      attribute(9, words(index, vf.trust)),
      attribute(IFLA_VF_VLAN_LIST, attribute(1, vlanInfo)),
      ...(withCounters ? [encodeCounters(vf)] : []),
    ]),
  );
}

/** IFLA_NUM_VF and IFLA_VFINFO_LIST, as they stand in the answer to RTM_GETLINK. */
export function encodeVfs(vfs: readonly FakeVf[], withCounters = false): Buffer {
  const infos = vfs.map((vf, index) => encodeVf(vf, index, withCounters));
  const list = attribute(IFLA_VFINFO_LIST, Buffer.concat(infos));
  return Buffer.concat([attribute(IFLA_NUM_VF, words(vfs.length)), list]);
}

function applyAttribute(vf: FakeVf, name: VfAttributeName, data: Buffer): void {
  const word = (at: number): number => data.readUInt32LE(at * 4);
  if (name === 'mac') vf.mac = macText(data.subarray(4, 10));
  if (name === 'vlan') Object.assign(vf, { vlan: word(1), qos: word(2), proto: ETH_P_8021Q });
  if (name === 'vlanList') {
    const info = attributesOf(data).get(1) ?? Buffer.alloc(16);
    Object.assign(vf, { vlan: info.readUInt32LE(4), qos: info.readUInt32LE(8), proto: info.readUInt16BE(12) });
  }
  if (name === 'rate') Object.assign(vf, { minTxRate: word(1), maxTxRate: word(2) });
  if (name === 'spoofchk') vf.spoofchk = word(1);
  if (name === 'linkState') vf.linkState = word(1);
  if (name === 'trust') vf.trust = word(1);
}

export interface VfChangeRequest {
  readonly vf: number;
  /** In the kernel's order. */
  readonly attributes: readonly VfAttributeName[];
  readonly data: ReadonlyMap<number, Buffer>;
}

/** Reads the first IFLA_VF_INFO of an IFLA_VFINFO_LIST. */
export function readVfChange(list: Buffer): VfChangeRequest {
  const data = attributesOf(attributesOf(list).get(1) ?? Buffer.alloc(0));
  const attributes = (Object.keys(vfAttributes) as VfAttributeName[]).filter((name) => data.has(vfAttributes[name]));
  const first = data.get(vfAttributes[attributes[0] ?? 'mac']) ?? Buffer.alloc(8);
  const holder = attributes[0] === 'vlanList' ? (attributesOf(first).get(1) ?? first) : first;
  return { vf: holder.readUInt32LE(0), attributes, data };
}

/**
 * Applies changes up to the first that is refused; returns its errno, or 0. `refuse` is asked before each, with
 * the VF as it would be then.
 */
export function applyVfChange(
  vfs: FakeVf[],
  change: VfChangeRequest,
  refuse: (name: VfAttributeName, wanted: Readonly<FakeVf>) => number | undefined,
): number {
  const vf = vfs[change.vf];
  if (vf === undefined) return EINVAL;
  for (const name of change.attributes) {
    const wanted = { ...vf };
    applyAttribute(wanted, name, change.data.get(vfAttributes[name]) ?? Buffer.alloc(0));
    const errno = refuse(name, wanted);
    if (errno !== undefined) return errno;
    Object.assign(vf, wanted);
  }
  return 0;
}
