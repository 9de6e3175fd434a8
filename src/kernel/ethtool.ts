import { errno, SystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import { u32At } from './netlink/attributes.ts';

// linux/ethtool.h. A SET takes what its GET fills in behind the command, so the bytes are kept as they came.

const ETHTOOL_GDRVINFO = 0x03;
/** struct ethtool_drvinfo: u32 cmd, then char driver[32], version[32], fw_version[32], bus_info[32], ... */
const drvinfoLength = 196;
/** Begin and end of its texts. */
const drvinfo = { firmware: [68, 100], busInfo: [100, 132] } as const;

interface Setting {
  readonly get: number;
  readonly set: number;
  /** Bytes of the struct. */
  readonly length: number;
  /** The numbers that a GET carries behind its command. */
  readonly asks?: readonly number[];
}

/** enum tunable_id, ETHTOOL_TUNABLE_U32, its length */
const tunable = (id: number): Setting => ({ get: 0x48, set: 0x49, length: 20, asks: [id, 3, 4] });

/** Words of netdev_features_t, which has 64 bits. */
const usualFeatureWords = 2;

/** In the order of restoration: private flags and channels make new rings, and may reset the settings below them. */
const settings = {
  privateFlags: { get: 0x27, set: 0x28, length: 8 },
  channels: { get: 0x3c, set: 0x3d, length: 36 },
  rings: { get: 0x10, set: 0x11, length: 36 },
  coalescing: { get: 0x0e, set: 0x0f, length: 92 },
  pause: { get: 0x12, set: 0x13, length: 16 },
  messageLevel: { get: 0x07, set: 0x08, length: 8 },
  rxCopybreak: tunable(1),
  txCopybreak: tunable(2),
  features: { get: 0x3a, set: 0x3b, length: 8 + 16 * usualFeatureWords, asks: [usualFeatureWords] },
  rss: { get: 0x46, set: 0x47, length: 24 },
} as const satisfies Readonly<Record<string, Setting>>;

export type EthtoolSetting = keyof typeof settings;

export const ethtoolSettings = Object.keys(settings) as readonly EthtoolSetting[];

/** What a netdev's driver is set to, in hex; settings that the driver doesn't have are absent. */
export type EthtoolState = Readonly<Partial<Record<EthtoolSetting, string>>>;

/**
 * The line `bus-info` of `ethtool -i LINK`; '' where the driver gives none. Throws SystemError; ENODEV: no such netdev.
 */
export function readBusInfo(platform: Platform, netns: Netns, ifname: string): string {
  return readDriverText(platform, netns, ifname, 'busInfo');
}

/**
 * The line `firmware-version` of `ethtool -i LINK`; '' where the driver gives none. Throws SystemError; ENODEV: no such
 * netdev.
 */
export function readFirmwareVersion(platform: Platform, netns: Netns, ifname: string): string {
  return readDriverText(platform, netns, ifname, 'firmware');
}

function readDriverText(platform: Platform, netns: Netns, ifname: string, text: keyof typeof drvinfo): string {
  const [info] = platform.ethtool(netns, ifname, [request(ETHTOOL_GDRVINFO, drvinfoLength)]);
  if (info === errno.EOPNOTSUPP) return '';
  const [begin, end] = drvinfo[text];
  return bytesOf(ifname, info).subarray(begin, end).toString().split('\0', 1)[0] ?? '';
}

/**
 * The `wanted` settings of a netdev (`ethtool --show-priv-flags -l -g -c -a -k -x LINK`, msglvl, copybreak). Throws
 * SystemError; ENODEV: no such netdev.
 */
export function readEthtool(
  platform: Platform,
  netns: Netns,
  ifname: string,
  wanted: readonly EthtoolSetting[] = ethtoolSettings,
): EthtoolState {
  const ask = (name: EthtoolSetting, length: number, numbers: readonly number[]): Buffer =>
    request(settings[name].get, length, numbers);
  const first = wanted.map((name): Buffer => {
    const { length, asks = [] }: Setting = settings[name];
    return ask(name, length, asks);
  });
  const state: Partial<Record<EthtoolSetting, string>> = {};
  for (const [at, answer] of platform.ethtool(netns, ifname, first).entries()) {
    const name = wanted[at];
    if (name === undefined) continue;
    if (answer === errno.ENODEV) throw refused(ifname, answer);
    if (typeof answer === 'number') continue;
    const whole = name === 'rss' || name === 'features' ? askWhole(platform, netns, ifname, name, answer) : answer;
    state[name] = (name === 'features' ? switches(whole) : whole.subarray(4)).toString('hex');
  }
  return state;
}

/** Puts one setting back. Throws SystemError; EOPNOTSUPP, EINVAL, ...: the driver doesn't take it. */
export function writeEthtool(
  platform: Platform,
  netns: Netns,
  ifname: string,
  name: EthtoolSetting,
  hex: string,
): void {
  const state = Buffer.from(hex, 'hex');
  const numbers = name === 'features' ? [state.length / 8] : [];
  const change = request(settings[name].set, 4 + 4 * numbers.length + state.length, numbers);
  change.set(state, change.length - state.length);
  bytesOf(ifname, platform.ethtool(netns, ifname, [change])[0]);
}

/** ETHTOOL_G* of struct ethtool_value, whose data is 0 or 1. Without these each packet costs the CPU more. */
const offloads = {
  'rx-checksumming': 0x14,
  'tx-checksumming': 0x16,
  'scatter-gather': 0x18,
  tso: 0x1e,
} as const;

/**
 * Offloads of a netdev that are off, or that it doesn't have (`ethtool -k LINK`); null where the driver tells of none.
 * Throws SystemError; ENODEV: no such netdev.
 */
export function readOffloads(platform: Platform, netns: Netns, ifname: string): readonly string[] | null {
  const asks = Object.values(offloads).map((command) => request(command, 8));
  const answers = platform.ethtool(netns, ifname, asks);
  if (answers.every((answer) => typeof answer === 'number')) return null;
  return Object.keys(offloads).filter((_, at) => {
    const answer = answers[at];
    return typeof answer === 'object' && u32At(answer, 4) === 0;
  });
}

/** Reads a setting whose answer tells its own length. */
function askWhole(platform: Platform, netns: Netns, ifname: string, name: 'rss' | 'features', answer: Buffer): Buffer {
  const { get, length } = settings[name];
  const words = u32At(answer, name === 'rss' ? 8 : 4);
  const keyBytes = name === 'rss' ? u32At(answer, 12) : 0;
  const whole = name === 'rss' ? length + 4 * words + keyBytes : 8 + 16 * words;
  if (whole === answer.length) return answer;
  const numbers = name === 'rss' ? [0, words, keyBytes] : [words];
  return bytesOf(ifname, platform.ethtool(netns, ifname, [request(get, whole, numbers)])[0]);
}

/**
 * Turns each struct ethtool_get_features_block into a struct ethtool_set_features_block: which features can be
 * switched, and which are wanted.
 */
function switches(features: Buffer): Buffer {
  const words = (features.length - 8) / 16;
  return Buffer.concat(Array.from({ length: words }, (_, word) => features.subarray(8 + 16 * word, 16 + 16 * word)));
}

function request(command: number, length: number, numbers: readonly number[] = []): Buffer {
  const words = new Uint32Array(length / 4);
  words.set([command, ...numbers]);
  return Buffer.from(words.buffer);
}

function bytesOf(ifname: string, answer: Buffer | number = errno.EIO): Buffer {
  if (typeof answer === 'number') throw refused(ifname, answer);
  return answer;
}

function refused(ifname: string, number: number): SystemError {
  return new SystemError(`ask ${ifname} (ethtool)`, number);
}
