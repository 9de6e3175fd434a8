// A PF's VF settings at message level, for stand-ins that have none: the kernel serves every other message itself. Replies
// about the PF get an IFLA_VFINFO_LIST, changes of one are applied here in the kernel's order (do_setvfinfo, net/core/rtnetlink.c),
// so that a refused setting leaves those before it set, as the kernel does.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Datagram, NetlinkSocket, Platform } from '../../src/platform/platform.ts';

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
}

export interface FakePfState {
  ifindex: number;
  vfs: FakeVf[];
  /** errno by attribute name, e.g. `{trust: 95}`. */
  refuse: Partial<Record<AttributeName, number>>;
  /** Every change that was asked for: VF number and attribute names, in the message's order. */
  log: { vf: number; attributes: string[] }[];
}

const RTM_NEWLINK = 16;
const RTM_SETLINK = 19;
const NLMSG_ERROR = 2;
const IFLA_NUM_VF = 21;
const IFLA_VFINFO_LIST = 22;
const IFLA_VF_VLAN_LIST = 12;
const ETH_P_8021Q = 0x8100;

/** In the order in which the kernel applies them. */
const attributeNames = { mac: 1, vlan: 2, vlanList: 12, rate: 6, spoofchk: 4, linkState: 5, trust: 9 } as const;
type AttributeName = keyof typeof attributeNames;

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

export function readFakePf(path: string): FakePfState {
  return JSON.parse(readFileSync(path, 'utf8')) as FakePfState;
}

export function writeFakePf(path: string, state: FakePfState): void {
  writeFileSync(path, JSON.stringify(state, null, 1));
}

function attribute(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(4);
  header.writeUInt16LE(4 + payload.length, 0);
  header.writeUInt16LE(type, 2);
  return Buffer.concat([header, payload, Buffer.alloc(-payload.length & 3)]);
}

function words(...values: readonly number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [at, value] of values.entries()) buffer.writeUInt32LE(value >>> 0, at * 4);
  return buffer;
}

function attributesOf(data: Buffer): Map<number, Buffer> {
  const found = new Map<number, Buffer>();
  for (let at = 0; at + 4 <= data.length; ) {
    const length = data.readUInt16LE(at);
    if (length < 4) break;
    found.set(data.readUInt16LE(at + 2) & 0x3fff, data.subarray(at + 4, at + length));
    at += (length + 3) & ~3;
  }
  return found;
}

function encodeVf(vf: FakeVf, index: number): Buffer {
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
    ]),
  );
}

function applyAttribute(vf: FakeVf, name: AttributeName, data: Buffer): void {
  const word = (at: number): number => data.readUInt32LE(at * 4);
  if (name === 'mac') vf.mac = (data.subarray(4, 10).toString('hex').match(/../g) ?? []).join(':');
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

function applyChange(state: FakePfState, list: Buffer): number {
  const given = attributesOf(attributesOf(list).get(1) ?? Buffer.alloc(0));
  const names = (Object.keys(attributeNames) as AttributeName[]).filter((name) => given.has(attributeNames[name]));
  const first = given.get(attributeNames[names[0] ?? 'mac']) ?? Buffer.alloc(8);
  const index = names[0] === 'vlanList' ? (attributesOf(first).get(1) ?? first).readUInt32LE(0) : first.readUInt32LE(0);
  const vf = state.vfs[index];
  if (vf === undefined) return 22;
  state.log.push({ vf: index, attributes: names });
  for (const name of names) {
    const errno = state.refuse[name];
    if (errno !== undefined) return errno;
    applyAttribute(vf, name, given.get(attributeNames[name]) ?? Buffer.alloc(0));
  }
  return 0;
}

function acknowledge(request: Buffer, port: number, errno: number): Buffer {
  const body = Buffer.concat([words(-errno), request.subarray(0, 16)]);
  const header = words(16 + body.length, NLMSG_ERROR, request.readUInt32LE(8), port);
  return Buffer.concat([header, body]);
}

function withVfList(message: Buffer, state: FakePfState): Buffer {
  const list = attribute(IFLA_VFINFO_LIST, Buffer.concat(state.vfs.map(encodeVf)));
  const whole = Buffer.concat([message, attribute(IFLA_NUM_VF, words(state.vfs.length)), list]);
  whole.writeUInt32LE(whole.length, 0);
  return whole;
}

function addVfLists(datagram: Datagram, path: string): Datagram {
  const messages: Buffer[] = [];
  const state = readFakePf(path);
  for (let at = 0; at + 16 <= datagram.bytes.length; ) {
    const message = datagram.bytes.subarray(at, at + datagram.bytes.readUInt32LE(at));
    const isPf = message.readUInt16LE(4) === RTM_NEWLINK && message.readInt32LE(20) === state.ifindex;
    messages.push(isPf ? withVfList(message, state) : message);
    at += (message.length + 3) & ~3;
  }
  return { ...datagram, bytes: Buffer.concat(messages) };
}

class FakePfSocket implements NetlinkSocket {
  readonly #real: NetlinkSocket;
  readonly #path: string;
  readonly #answers: Buffer[] = [];

  constructor(real: NetlinkSocket, path: string) {
    this.#real = real;
    this.#path = path;
  }

  get port(): number {
    return this.#real.port;
  }

  send(bytes: Uint8Array): void {
    const message = Buffer.from(bytes);
    const type = message.readUInt16LE(4);
    const state = readFakePf(this.#path);
    const isChange = (type === RTM_NEWLINK || type === RTM_SETLINK) && message.readInt32LE(20) === state.ifindex;
    const list = isChange ? attributesOf(message.subarray(32)).get(IFLA_VFINFO_LIST) : undefined;
    if (list === undefined) {
      this.#real.send(bytes);
      return;
    }
    const errno = applyChange(state, list);
    writeFakePf(this.#path, state);
    this.#answers.push(acknowledge(message, this.port, errno));
  }

  receive(timeoutMs: number): Datagram | null {
    const answer = this.#answers.shift();
    if (answer !== undefined) return { bytes: answer, senderPort: 0 };
    const datagram = this.#real.receive(timeoutMs);
    return datagram === null ? null : addVfLists(datagram, this.#path);
  }

  close(): void {
    this.#real.close();
  }
}

/** The platform, with a PF whose VF settings are in the file `statePath`. */
export function withFakePf(platform: Platform, statePath: string): Platform {
  return {
    ...platform,
    openNetlink: (netns, groups) => new FakePfSocket(platform.openNetlink(netns, groups), statePath),
  };
}
