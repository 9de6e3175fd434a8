// A PF's VF settings at message level, for stand-ins, which have none. Replies about the PF get an IFLA_VFINFO_LIST,
// and changes of one are applied here (vf-info.ts). The kernel serves every other message itself.
import { readFileSync, writeFileSync } from 'node:fs';
import type { Datagram, NetlinkSocket, Platform } from '../../src/platform/platform.ts';
import { attributesOf, words } from './netlink-bytes.ts';
import {
  applyVfChange,
  encodeVfs,
  type FakeVf,
  IFLA_VFINFO_LIST,
  readVfChange,
  type VfAttributeName,
} from './vf-info.ts';

export { newFakeVf } from './vf-info.ts';

export interface FakePfState {
  ifindex: number;
  vfs: FakeVf[];
  /** errno by attribute name, e.g. `{trust: 95}`. */
  refuse: Partial<Record<VfAttributeName, number>>;
  /** Every change that was asked for: VF number and attribute names, in the message's order. */
  log: { vf: number; attributes: string[] }[];
}

const RTM_NEWLINK = 16;
const RTM_SETLINK = 19;
const NLMSG_ERROR = 2;

export function readFakePf(path: string): FakePfState {
  return JSON.parse(readFileSync(path, 'utf8')) as FakePfState;
}

export function writeFakePf(path: string, state: FakePfState): void {
  writeFileSync(path, JSON.stringify(state, null, 1));
}

function applyChange(state: FakePfState, list: Buffer): number {
  const change = readVfChange(list);
  if (state.vfs[change.vf] !== undefined) state.log.push({ vf: change.vf, attributes: [...change.attributes] });
  return applyVfChange(state.vfs, change, (name) => state.refuse[name]);
}

function acknowledge(request: Buffer, errno: number): Buffer {
  const body = Buffer.concat([words(-errno), request.subarray(0, 16)]);
  const header = words(16 + body.length, NLMSG_ERROR, request.readUInt32LE(8), 0);
  return Buffer.concat([header, body]);
}

function withVfList(message: Buffer, state: FakePfState): Buffer {
  const whole = Buffer.concat([message, encodeVfs(state.vfs)]);
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

  netnsCookie(): string | null {
    return this.#real.netnsCookie();
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
    this.#answers.push(acknowledge(message, errno));
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
    openNetlink: (netns, groups, protocol) =>
      new FakePfSocket(platform.openNetlink(netns, groups, protocol), statePath),
  };
}
