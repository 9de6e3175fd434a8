// A part of its own (src/parts.ts), loaded only if sriov-cni may have attached a pod or a VF.
import { isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError, explain, isBug } from '../cni/errors.ts';
import { parseJson, readAs } from '../cni/json-text.ts';
import { isJsonObject, present } from '../lib/json.ts';
import { integer, object, oneOf, optional, text, textThat, type ValueOf } from '../lib/json-schema.ts';
import { type MacAddress, parseMacAddress } from '../lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { Platform } from '../platform/platform.ts';
import type { VfAdminState } from '../settings/settings.ts';
import { NotOurs, readPrivateFile, requireTrustedPath } from './trusted-files.ts';

// Files of sriov-cni (its pkg/types/types.go, pkg/utils/utils.go and pci_allocator.go), below /var/lib/cni/sriov:
// `<containerID>-<ifname>`: the config of ADD as JSON, with the VF's state of before in OrigVfState;
// `pci/<PCI address>`: the path of the namespace that has the VF, without a line end.

/** The limit of a config on stdin. */
const maxFileBytes = 1024 * 1024;

/** ETH_P_8021AD (linux/if_ether.h), and the same with its bytes not swapped. */
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
  /** Path of its file. */
  readonly path: string;
  readonly network: string;
  readonly pci: PciAddress;
  /** The VF's netdev before ADD; null if it had none. `mtu` is null in files of older releases, which don't keep it. */
  readonly netdev: { readonly name: string; readonly mac: MacAddress; readonly mtu: number | null } | null;
  /** The PF's record of the VF before ADD: the MAC, and those settings that ADD has changed. */
  readonly admin: Pick<VfAdminState, 'mac'> & Partial<VfAdminState>;
  /** Settings that ADD has made at the PF. */
  readonly settings: Partial<VfAdminState>;
  /** The MAC that was asked for; null if the VF kept its own. */
  readonly mac: MacAddress | null;
  /** Only for people, because the wall clock may be set. */
  readonly modifiedMs: number;
}

/**
 * The attachment of a container's interface; null if sriov-cni has none. Throws CniError io or decode, and SystemError.
 */
export function readAttachment(platform: Platform, containerId: string, ifname: string): SriovCniAttachment | null {
  return readFrom(platform, `${platform.paths.sriovCniDir}/${containerId}-${ifname}`);
}

/** A file of sriov-cni, for people. */
export interface SriovCniEntry {
  readonly containerId: string;
  readonly ifname: string;
  readonly path: string;
  /** What also a file of an old release tells; null where it doesn't. */
  readonly network: string | null;
  readonly pci: PciAddress | null;
  readonly hostIfname: string | null;
  /** Null if the file can't be used, because it is of an old release, damaged, or not to be trusted. */
  readonly attachment: SriovCniAttachment | null;
  /** Why the file can't be used; null if it can. */
  readonly reason: string | null;
}

/** All attachments that sriov-cni has on this node. Throws SystemError if its directory can't be listed. */
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
      if (isBug(thrown)) throw thrown;
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
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    // Why it can't be read is said of the attachment.
    return names;
  }
}

/**
 * The attachments of a VF: more than one if a pod died and its DEL didn't come before the VF's next ADD. Files that
 * aren't sriov-cni's are passed over.
 */
export function listAttachmentsOf(platform: Platform, pci: PciAddress): readonly SriovCniAttachment[] {
  const { sriovCniDir } = platform.paths;
  const all = (platform.readDir(sriovCniDir) ?? []).flatMap((name) => {
    try {
      return readFrom(platform, `${sriovCniDir}/${name}`) ?? [];
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      return [];
    }
  });
  return all.filter((attachment) => attachment.pci === pci);
}

/**
 * Path of the namespace that has the VF by sriov-cni's books; null if none has. In older releases an empty file is only
 * a lock. Throws CniError io, and SystemError.
 */
export function readAllocation(platform: Platform, pci: PciAddress): string | null {
  const path = allocationPath(platform, pci);
  const text = readTrusted(platform, path) ?? '';
  if (text === '' || (text.startsWith('/') && !text.includes('\0'))) return text === '' ? null : text;
  throw new CniError('io', `${path}: ${quote(text)} is not the path of a network namespace`);
}

/** Makes the VF nobody's by sriov-cni's books. */
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
 * The settings that the config names: sriov-cni keeps the whole state, but changes only those. Its `true` may stand for
 * a setting that the PF doesn't report. Such a PF refuses to set it, so it isn't among these.
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

/** Reads the spellings that sriov-cni accepts. Any other text has set nothing at a PF. */
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

/** The text of a file that only root can have written, or put there; null if it is absent. */
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
