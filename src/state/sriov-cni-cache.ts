// A part of its own (src/parts.ts): read only where a pod or a VF may be one that sriov-cni attached.
import { isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError, explain } from '../cni/errors.ts';
import { parseJson, readAs } from '../cni/json-text.ts';
import { isJsonObject, present } from '../lib/json.ts';
import { integer, object, oneOf, optional, text, textThat, type ValueOf } from '../lib/json-schema.ts';
import { type MacAddress, parseMacAddress } from '../lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../settings/settings.ts';
import { NotOurs, readPrivateFile, requireTrustedPath } from './trusted-files.ts';

// What sriov-cni leaves (its pkg/types/types.go, pkg/utils/utils.go and pci_allocator.go), below /var/lib/cni/sriov:
// `<containerID>-<ifname>`: the config of ADD as JSON, with the VF's state of before in OrigVfState;
// `pci/<PCI address>`: the path of the namespace that has the VF, without a line end.

/** As much as a config on stdin may have. */
const maxFileBytes = 1024 * 1024;

/** ETH_P_8021AD (linux/if_ether.h), and what it is where the bytes were not swapped. */
const protocols8021ad: readonly number[] = [0x88a8, 0xa888];
/** IFLA_VF_LINK_STATE_* (linux/if_link.h). */
const linkStates = ['auto', 'enable', 'disable'] as const;

const word = optional(text(), '');
const count = optional(integer(0, 0xffffffff));
const flag = optional(oneOf(true, false));
const mac = textThat((text) => parseMacAddress(text) !== null, 'a MAC address');

const stateBefore = object(
  {
    HostIFName: optional(textThat(isInterfaceName, 'the name of an interface'), ''),
    AdminMAC: mac,
    EffectiveMAC: optional(mac, ''),
    MTU: count,
    Vlan: count,
    VlanQoS: count,
    VlanProto: count,
    SpoofChk: flag,
    Trust: flag,
    LinkState: count,
    MinTxRate: count,
    MaxTxRate: count,
  },
  'an object, which old releases of sriov-cni don’t write',
);

const attachmentFile = object({
  name: textThat(isIdentifier, 'the name of a network'),
  deviceID: textThat((text) => parsePciAddress(text) !== null, 'a PCI address'),
  MAC: word,
  vlan: count,
  vlanQoS: count,
  vlanProto: word,
  spoofchk: word,
  trust: word,
  link_state: word,
  min_tx_rate: count,
  max_tx_rate: count,
  OrigVfState: stateBefore,
});

type StateBefore = ValueOf<typeof stateBefore>;
type AttachmentFile = ValueOf<typeof attachmentFile>;

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

/**
 * The attachment of a container's interface; null where sriov-cni has none. Throws CniError io or decode, and
 * SystemError.
 */
export function readAttachment(platform: Platform, containerId: string, ifname: string): SriovCniAttachment | null {
  return readFrom(platform, `${platform.paths.sriovCniDir}/${containerId}-${ifname}`);
}

/** What sriov-cni keeps of one attachment, for people. */
export interface SriovCniEntry {
  readonly containerId: string;
  readonly ifname: string;
  readonly path: string;
  /** What also a file of an old release tells; null where it doesn't. */
  readonly network: string | null;
  readonly pci: PciAddress | null;
  readonly hostIfname: string | null;
  /** Null where the file can't be used: of an old release, damaged, or not to be trusted. */
  readonly attachment: SriovCniAttachment | null;
  /** Why it can't. */
  readonly reason: string | null;
}

/** All attachments that sriov-cni has on this node. Throws SystemError where its directory can't be listed. */
export function listEntries(platform: Platform): readonly SriovCniEntry[] {
  const { sriovCniDir } = platform.paths;
  return (platform.readDir(sriovCniDir) ?? []).flatMap((name): SriovCniEntry[] => {
    const [, containerId, ifname] = /^(.+)-([^-]+)$/.exec(name) ?? [];
    const path = `${sriovCniDir}/${name}`;
    if (containerId === undefined || ifname === undefined || platform.stat(path)?.kind !== 'file') return [];
    const entry = { containerId, ifname, path, ...readNames(platform, path) };
    try {
      return [{ ...entry, attachment: readFrom(platform, path), reason: null }];
    } catch (thrown) {
      return [{ ...entry, attachment: null, reason: explain(thrown) }];
    }
  });
}

type Names = Pick<SriovCniEntry, 'network' | 'pci' | 'hostIfname'>;

/** Release 2.1.0 and those before it keep the netdev's name in HostIFNames, and of the state before nothing else. */
function readNames(platform: Platform, path: string): Names {
  const names = { network: null, pci: null, hostIfname: null };
  try {
    const file: unknown = JSON.parse(readTrusted(platform, path) ?? '');
    if (!isJsonObject(file)) return names;
    const { name, deviceID, HostIFNames, OrigVfState } = file;
    const hostIfname = (isJsonObject(OrigVfState) ? OrigVfState['HostIFName'] : HostIFNames) ?? '';
    return {
      network: typeof name === 'string' && isIdentifier(name) ? name : null,
      pci: typeof deviceID === 'string' ? parsePciAddress(deviceID) : null,
      hostIfname: typeof hostIfname === 'string' && isInterfaceName(hostIfname) ? hostIfname : null,
    };
  } catch {
    // Why it can't be read is said of the attachment.
    return names;
  }
}

/**
 * The attachments of a VF: more than one where a pod died and its DEL didn't come before the VF's next ADD. Files that
 * are none of sriov-cni's are passed over.
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
  return toAttachment(path, readAs(attachmentFile, parseJson(text, path), path), modifiedMs);
}

function toAttachment(path: string, file: AttachmentFile, modifiedMs: number): SriovCniAttachment {
  const before = file.OrigVfState;
  const mac = file.MAC === undefined ? null : parseMacAddress(file.MAC);
  return {
    path,
    network: file.name,
    pci: parsePciAddress(file.deviceID) as PciAddress,
    netdev: toNetdev(path, before),
    admin: toAdmin(file, before),
    settings: toSettings(file, mac),
    mac,
    modifiedMs,
  };
}

function toNetdev(path: string, before: StateBefore): SriovCniAttachment['netdev'] {
  const { HostIFName: name, EffectiveMAC: mac, MTU: mtu = 0 } = before;
  if (name === undefined) return null;
  if (mac === undefined)
    throw new CniError('decode', `${path}.OrigVfState.EffectiveMAC: missing; needed: a MAC address`);
  return { name, mac: parseMacAddress(mac) as MacAddress, mtu: mtu === 0 ? null : mtu };
}

/**
 * sriov-cni keeps the whole state but changes only what the config names. Its `true` may stand for what a PF doesn't
 * report; then the PF would have refused to set it, too.
 */
function toAdmin(file: AttachmentFile, before: StateBefore): SriovCniAttachment['admin'] {
  const onOff = (value = false): 'on' | 'off' => (value ? 'on' : 'off');
  const isLimited = file.min_tx_rate !== undefined || file.max_tx_rate !== undefined;
  return {
    mac: parseMacAddress(before.AdminMAC) as MacAddress,
    ...(file.vlan === undefined ? {} : toVlan(before)),
    ...(file.spoofchk === undefined ? {} : { spoofchk: onOff(before.SpoofChk) }),
    ...(file.trust === undefined ? {} : { trust: onOff(before.Trust) }),
    ...(file.link_state === undefined ? {} : { linkState: linkStates[before.LinkState ?? 0] ?? 'auto' }),
    ...(isLimited ? { minTxRateMbps: before.MinTxRate ?? 0, maxTxRateMbps: before.MaxTxRate ?? 0 } : {}),
  };
}

/** In the spellings that sriov-cni takes. Any other text set nothing at a PF. */
function toSettings(file: AttachmentFile, mac: MacAddress | null): Partial<VfAdminState> {
  const one = <T extends string>(given: string | undefined, allowed: readonly T[]): T | undefined =>
    allowed.find((value) => value === given);
  const isTagged = file.vlan !== undefined;
  return present({
    mac: mac ?? undefined,
    vlan: file.vlan,
    vlanQos: isTagged ? (file.vlanQoS ?? 0) : undefined,
    vlanProtocol: isTagged ? (one(file.vlanProto, ['802.1q', '802.1ad']) ?? '802.1q') : undefined,
    spoofchk: one(file.spoofchk, ['on', 'off']),
    trust: one(file.trust, ['on', 'off']),
    linkState: one(file.link_state, linkStates),
    minTxRateMbps: file.min_tx_rate,
    maxTxRateMbps: file.max_tx_rate,
  });
}

function toVlan(before: StateBefore): Pick<VfAdminState, 'vlan' | 'vlanQos' | 'vlanProtocol'> {
  return {
    vlan: before.Vlan ?? 0,
    vlanQos: before.VlanQoS ?? 0,
    vlanProtocol: protocols8021ad.includes(before.VlanProto ?? 0) ? '802.1ad' : '802.1q',
  };
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
