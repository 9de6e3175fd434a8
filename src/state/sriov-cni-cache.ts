// A part of its own (src/parts.ts): read only where a pod or a VF may be one that sriov-cni attached.
import { isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import { JsonFields } from '../cni/json-fields.ts';
import { parseJson } from '../cni/json-text.ts';
import { present } from '../lib/json.ts';
import { type MacAddress, parseMacAddress } from '../lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../vf/vf.ts';
import { NotOurs, readPrivateFile } from './private-files.ts';
import { requireTrustedPath } from './trusted-path.ts';

// What sriov-cni leaves (its pkg/types/types.go, pkg/utils/utils.go and pci_allocator.go), below /var/lib/cni/sriov:
// `<containerID>-<ifname>`: the config of ADD as JSON, with the VF's state of before in OrigVfState;
// `pci/<PCI address>`: the path of the namespace that has the VF, without a line end.

/** As much as a config on stdin may have. */
const maxFileBytes = 1024 * 1024;

/** ETH_P_8021AD (linux/if_ether.h), and what it is where the bytes were not swapped. */
const protocols8021ad: readonly number[] = [0x88a8, 0xa888];
/** IFLA_VF_LINK_STATE_* (linux/if_link.h). */
const linkStates = ['auto', 'enable', 'disable'] as const;

/** An attachment that sriov-cni made. */
export interface SriovCniAttachment {
  /** Its file. */
  readonly path: string;
  readonly network: string;
  readonly pci: PciAddress;
  /** The VF's netdev before; null where it had none. `mtu` is null where that wasn't kept (older releases). */
  readonly netdev: { readonly name: string; readonly mac: MacAddress; readonly mtu: number | null } | null;
  /** The PF's record of the VF before: the MAC, and of the others what ADD has set. */
  readonly admin: Pick<VfAdminState, 'mac'> & Partial<VfAdminState>;
  /** What ADD has set at the PF. */
  readonly settings: Partial<VfAdminState>;
  /** The MAC asked for; null where the VF kept its own. */
  readonly mac: MacAddress | null;
  /** By a clock that may have been set: for people only. */
  readonly modifiedMs: number;
}

/** The attachment of a container's interface; null where sriov-cni has none. Throws CniError io or decode, and SystemError. */
export function readAttachment(platform: Platform, containerId: string, ifname: string): SriovCniAttachment | null {
  return readFrom(platform, `${platform.paths.sriovCniDir}/${containerId}-${ifname}`);
}

/**
 * The attachments of a VF: more than one where a pod died and its DEL didn't come before the VF's next ADD. Files that are none of
 * sriov-cni's are passed over.
 */
export function listAttachmentsOf(platform: Platform, pci: PciAddress): readonly SriovCniAttachment[] {
  const { sriovCniDir } = platform.paths;
  const all = (platform.readDir(sriovCniDir) ?? []).flatMap((name) => {
    try {
      return readFrom(platform, `${sriovCniDir}/${name}`) ?? [];
    } catch {
      return [];
    }
  });
  return all.filter((attachment) => attachment.pci === pci);
}

/**
 * Path of the namespace that has the VF by sriov-cni's books; null where none has. An empty file is only a lock
 * (older releases). Throws CniError io, and SystemError.
 */
export function readAllocation(platform: Platform, pci: PciAddress): string | null {
  const path = allocationPath(platform, pci);
  const text = readTrusted(platform, path) ?? '';
  if (text === '' || (text.startsWith('/') && !text.includes('\0'))) return text === '' ? null : text;
  throw new CniError('io', `${path}: ${quote(text)} is not the path of a network namespace`);
}

/** The VF is nobody's by sriov-cni's books from here on. */
export function removeAllocation(platform: Platform, pci: PciAddress): void {
  platform.unlink(allocationPath(platform, pci));
}

function allocationPath(platform: Platform, pci: PciAddress): string {
  return `${platform.paths.sriovCniDir}/pci/${pci}`;
}

function readFrom(platform: Platform, path: string): SriovCniAttachment | null {
  const modifiedMs = platform.stat(path)?.modifiedMs;
  const text = readTrusted(platform, path);
  if (text === null || modifiedMs === undefined) return null;
  const conf = new JsonFields(parseJson(text, path), path);
  const before = conf.object('OrigVfState');
  if (before === undefined)
    throw new CniError('decode', `${path}: OrigVfState is missing: an old release of sriov-cni wrote it`);
  const network = conf.requiredText('name');
  if (!isIdentifier(network)) throw refuse(path, 'name', network, 'the name of a network');
  const asked = conf.text('MAC');
  const mac = asked === undefined ? null : parseMacAddress(asked);
  return {
    path,
    network,
    pci: required(path, 'deviceID', conf.requiredText('deviceID'), parsePciAddress, 'a PCI address'),
    netdev: readNetdev(path, before),
    admin: readAdmin(path, conf, before),
    settings: readSettings(conf, mac),
    mac,
    modifiedMs,
  };
}

function readNetdev(path: string, before: JsonFields): SriovCniAttachment['netdev'] {
  const name = before.text('HostIFName');
  if (name === undefined) return null;
  if (!isInterfaceName(name)) throw refuse(path, 'OrigVfState.HostIFName', name, 'the name of an interface');
  const mtu = before.count('MTU') ?? 0;
  return { name, mac: readMac(path, before, 'EffectiveMAC'), mtu: mtu === 0 ? null : mtu };
}

/**
 * sriov-cni keeps the whole state but changes only what the config names. Its `true` may stand for what a PF doesn't report; then
 * the PF would have refused to set it, too.
 */
function readAdmin(path: string, conf: JsonFields, before: JsonFields): SriovCniAttachment['admin'] {
  const onOff = (key: string): 'on' | 'off' => (before.flag(key) === true ? 'on' : 'off');
  const has = (key: string): boolean => conf.count(key) !== undefined;
  return {
    mac: readMac(path, before, 'AdminMAC'),
    ...(has('vlan') ? readVlan(before) : {}),
    ...(conf.text('spoofchk') === undefined ? {} : { spoofchk: onOff('SpoofChk') }),
    ...(conf.text('trust') === undefined ? {} : { trust: onOff('Trust') }),
    ...(conf.text('link_state') === undefined
      ? {}
      : { linkState: linkStates[before.count('LinkState') ?? 0] ?? 'auto' }),
    ...(has('min_tx_rate') || has('max_tx_rate')
      ? { minTxRateMbps: before.count('MinTxRate') ?? 0, maxTxRateMbps: before.count('MaxTxRate') ?? 0 }
      : {}),
  };
}

/** In the spellings that sriov-cni takes; what is none of them is no setting of any PF. */
function readSettings(conf: JsonFields, mac: MacAddress | null): Partial<VfAdminState> {
  const one = <T extends string>(key: string, allowed: readonly T[]): T | undefined =>
    allowed.find((value) => value === conf.text(key));
  const isTagged = conf.count('vlan') !== undefined;
  const all = {
    mac: mac ?? undefined,
    vlan: conf.count('vlan'),
    vlanQos: isTagged ? (conf.count('vlanQoS') ?? 0) : undefined,
    vlanProtocol: isTagged ? (one('vlanProto', ['802.1q', '802.1ad']) ?? '802.1q') : undefined,
    spoofchk: one('spoofchk', ['on', 'off']),
    trust: one('trust', ['on', 'off']),
    linkState: one('link_state', linkStates),
    minTxRateMbps: conf.count('min_tx_rate'),
    maxTxRateMbps: conf.count('max_tx_rate'),
  };
  return present(all);
}

function readVlan(before: JsonFields): Pick<VfAdminState, 'vlan' | 'vlanQos' | 'vlanProtocol'> {
  return {
    vlan: before.count('Vlan') ?? 0,
    vlanQos: before.count('VlanQoS') ?? 0,
    vlanProtocol: protocols8021ad.includes(before.count('VlanProto') ?? 0) ? '802.1ad' : '802.1q',
  };
}

function readMac(path: string, before: JsonFields, key: string): MacAddress {
  return required(path, `OrigVfState.${key}`, before.requiredText(key), parseMacAddress, 'a MAC address');
}

function required<T>(path: string, key: string, text: string, parse: (text: string) => T | null, allowed: string): T {
  const value = parse(text);
  if (value === null) throw refuse(path, key, text, allowed);
  return value;
}

function refuse(path: string, key: string, text: string, allowed: string): CniError {
  return new CniError('decode', `${path}.${key}: ${quote(text)} is not allowed; allowed: ${allowed}`);
}

/** The text of a file that only root can have written, or put there; null where it is absent. */
function readTrusted(platform: Platform, path: string): string | null {
  if (platform.stat(path) === null) return null;
  requireTrustedPath(platform, path.slice(0, path.lastIndexOf('/')), 'the directory of sriov-cni’s files');
  try {
    return readPrivateFile(platform, path, maxFileBytes);
  } catch (thrown) {
    if (thrown instanceof NotOurs) throw new CniError('io', `${path} can't be trusted`, { cause: thrown });
    throw thrown;
  }
}
