import { readFileSync } from 'node:fs';

/** An Ethernet frame as it went over the wire. */
export interface Frame {
  readonly destination: string;
  readonly source: string;
  /** The 802.1Q tag; absent in a frame without one. */
  readonly vlan?: { readonly id: number; readonly priority: number };
  readonly etherType: number;
  readonly payload: Buffer;
}

const fileHeaderBytes = 24;
const recordHeaderBytes = 16;
const lengthAt = 8;
const vlanEtherType = 0x8100;

function mac(frame: Buffer, at: number): string {
  return [...frame.subarray(at, at + 6)].map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}

function parseFrame(frame: Buffer): Frame {
  const addresses = { destination: mac(frame, 0), source: mac(frame, 6) };
  if (frame.readUInt16BE(12) !== vlanEtherType) {
    return { ...addresses, etherType: frame.readUInt16BE(12), payload: frame.subarray(14) };
  }
  const tag = frame.readUInt16BE(14);
  const vlan = { id: tag & 0xfff, priority: tag >> 13 };
  return { ...addresses, vlan, etherType: frame.readUInt16BE(16), payload: frame.subarray(18) };
}

/** Reads a capture in pcap format of this machine's byte order, as QEMU and tcpdump write it; see pcap-savefile(5). */
export function readCapture(file: string): readonly Frame[] {
  const bytes = readFileSync(file);
  const frames: Frame[] = [];
  let at = fileHeaderBytes;
  while (at + recordHeaderBytes <= bytes.length) {
    const begin = at + recordHeaderBytes;
    at = begin + bytes.readUInt32LE(at + lengthAt);
    frames.push(parseFrame(bytes.subarray(begin, at)));
  }
  return frames;
}
