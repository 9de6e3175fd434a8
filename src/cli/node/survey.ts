import { listPublished } from '../../allocation/device-info.ts';
import { sortAddresses } from '../../allocation/driver-specs.ts';
import { Namespace } from '../../kernel/namespace.ts';
import type { Link } from '../../kernel/rtnl/links.ts';
import { listVfAdminStates } from '../../kernel/rtnl/vfs.ts';
import {
  describeDevice,
  listPfs,
  listVfs,
  type PciDescription,
  pciDeviceExists,
  readVf,
  type SysfsPf,
  type SysfsVf,
} from '../../kernel/sysfs.ts';
import type { PciAddress } from '../../lib/pci-address.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import type { VfAdminState } from '../../settings/settings.ts';
import { openRecordedNetns } from '../../state/liveness.ts';
import type { SriovCniEntry } from '../../state/sriov-cni-cache.ts';
import { isUserspaceDriver } from '../../vf/identity.ts';
import { findOnHost, findPf } from '../../vf/locate.ts';
import type { Tool } from '../tool.ts';
import { type Attached, compareWithRecord, findAttached, findStrays, lookInto, type Stray } from './in-pods.ts';
import { type KeptRecord, type KeptRecords, readRecords, readSriovCni } from './records.ts';

/**
 * The place of a VF. `userspace`: it is bound to vfio-pci or the like. `lost`: it has a network driver, but its netdev
 * is in no namespace that was looked into.
 */
type Place = 'host' | 'pod' | 'userspace' | 'unbound' | 'lost';

export interface SurveyedVf {
  readonly sysfs: SysfsVf & PciDescription;
  readonly index: number;
  readonly place: Place;
  readonly link: Link | null;
  /** Path of the namespace that the netdev is in; null on the host. */
  readonly netns: string | null;
  /** The PF's record of the VF; null if the PF tells none. */
  readonly admin: VfAdminState | null;
  /** The record that holds it. */
  readonly holder: KeptRecord | null;
  /**
   * The file of sriov-cni, whose DEL this plugin serves, that holds it; null if a record of ours or the host has it.
   */
  readonly sriovCni: SriovCniEntry | null;
  /** Differences between record and kernel, in plain words. */
  readonly disagreements: readonly string[];
  /** Those disagreements that are about settings. */
  readonly changedSettings: readonly string[];
}

export interface SurveyedPf {
  readonly sysfs: SysfsPf & PciDescription;
  /** Its netdev on the host. */
  readonly link: Link | null;
  readonly vfs: readonly SurveyedVf[];
}

/** PFs, VFs and attachments of this node at one moment. */
export interface Survey {
  readonly pfs: readonly SurveyedPf[];
  readonly kept: KeptRecords;
  /** What sriov-cni has attached. */
  readonly sriovCni: readonly SriovCniEntry[];
  /** The records of VFs that aren't there any more. */
  readonly gone: readonly KeptRecord[];
  /** VFs whose PFs are on another machine, as far as device plugins publish them. */
  readonly withoutPf: readonly PciAddress[];
}

/** Surveys the node. Changes nothing, takes no lock. Throws SystemError if sysfs or rtnetlink can't be read. */
export function surveyNode(tool: Pick<Tool, 'platform' | 'sriovCniCache'>): Survey {
  const { platform } = tool;
  const kept = readRecords(platform);
  const sriovCni = readSriovCni(tool);
  const host = new Namespace(platform, platform.ownNetns());
  try {
    const gone = kept.records.filter(({ record }) => !pciDeviceExists(platform, record.identity.pci));
    const withoutPf = sortAddresses(listPublished(platform).filter((pci) => isWithoutPf(platform, pci)));
    const pfs = new Surveyor(platform, host, kept.records, sriovCni).surveyPfs();
    return { kept, gone, withoutPf, sriovCni, pfs };
  } finally {
    host.close();
  }
}

function isWithoutPf(platform: Platform, pci: PciAddress): boolean {
  return readVf(platform, pci)?.pfPci === null;
}

class Surveyor {
  readonly #platform: Platform;
  readonly #host: Namespace;
  readonly #holders: ReadonlyMap<string, KeptRecord>;
  readonly #sriovCni: readonly SriovCniEntry[];

  constructor(platform: Platform, host: Namespace, records: readonly KeptRecord[], sriovCni: readonly SriovCniEntry[]) {
    this.#sriovCni = sriovCni;
    this.#platform = platform;
    this.#host = host;
    this.#holders = currentHolders(records);
  }

  surveyPfs(): readonly SurveyedPf[] {
    const pfs = listPfs(this.#platform).map((pf) => {
      const link = findPf(this.#platform, this.#host, pf.pci);
      const sysfs = { ...pf, ...describeDevice(this.#platform, pf.pci) };
      return { sysfs, link, vfs: this.#surveyVfs(pf.pci, link) };
    });
    return this.#findLost(pfs);
  }

  #surveyVfs(pfPci: PciAddress, pf: Link | null): readonly SurveyedVf[] {
    const states = pf === null ? new Map<number, VfAdminState>() : listVfAdminStates(this.#host.session, pf.ifindex);
    return listVfs(this.#platform, pfPci).flatMap((pci) => {
      const sysfs = readVf(this.#platform, pci);
      // The VF is gone since the PF's directory was read.
      if (sysfs === null || sysfs.vfIndex === null) return [];
      return [this.#surveyVf(sysfs, sysfs.vfIndex, pf, states.get(sysfs.vfIndex) ?? null)];
    });
  }

  #surveyVf(vf: SysfsVf, index: number, pf: Link | null, admin: VfAdminState | null): SurveyedVf {
    const sysfs = { ...vf, ...describeDevice(this.#platform, vf.pci) };
    const holder = this.#holders.get(sysfs.pci) ?? null;
    const onHost = findOnHost(this.#platform, this.#host, sysfs.pci);
    const attached = holder === null ? null : findAttached(this.#platform, holder);
    const place = placeOf(sysfs, onHost, attached);
    const isAway = holder === null && (place === 'lost' || place === 'userspace');
    const entries = this.#sriovCni.filter(({ pci }) => pci === sysfs.pci);
    // A file that can't be used may be left from long ago.
    const entry = entries.find(({ attachment }) => attachment !== null) ?? entries[0] ?? null;
    const { place: aboutPlace, settings: changedSettings } =
      holder === null
        ? { place: [], settings: [] }
        : compareWithRecord({ host: this.#host, pf, holder, onHost, attached, sysfs });
    return {
      sysfs,
      index,
      place,
      link: attached?.link ?? onHost,
      netns: attached?.link == null ? null : (holder?.record.netns.path ?? null),
      admin,
      holder,
      sriovCni: isAway ? entry : null,
      disagreements: [...aboutPlace, ...changedSettings],
      changedSettings,
    };
  }

  /** Looks into namespaces without a record only if a netdev is missing, because there may be hundreds. */
  #findLost(pfs: readonly SurveyedPf[]): readonly SurveyedPf[] {
    const lost = pfs.flatMap(({ vfs }) => vfs.filter(({ place }) => place === 'lost').map(({ sysfs }) => sysfs.pci));
    const strays = findStrays(this.#platform, new Set<string>(lost));
    return pfs.map((pf) => ({ ...pf, vfs: pf.vfs.map((vf) => withStray(vf, strays.get(vf.sysfs.pci))) }));
  }
}

function withStray(vf: SurveyedVf, stray: Stray | undefined): SurveyedVf {
  if (vf.place !== 'lost') return vf;
  if (stray === undefined) {
    const where = 'its netdev is neither on the host nor in a namespace of a process of this node';
    return { ...vf, disagreements: [...vf.disagreements, where] };
  }
  const { link, netns } = stray;
  if (vf.sriovCni !== null) return { ...vf, place: 'pod', link, netns };
  const what = `${link.name} is in the namespace ${netns}, of which no record tells`;
  return { ...vf, place: 'pod', link, netns, disagreements: [...vf.disagreements, what] };
}

function placeOf(sysfs: SysfsVf, onHost: Link | null, attached: Attached | null): Place {
  if (attached?.link != null) return 'pod';
  if (onHost !== null) return 'host';
  if (sysfs.driver === null) return 'unbound';
  return isUserspaceDriver(sysfs.driver) ? 'userspace' : 'lost';
}

/**
 * The holder of each VF: of several records the one that owns it, else the youngest with a living pod. A record that
 * has given up its VF holds none.
 */
function currentHolders(records: readonly KeptRecord[]): ReadonlyMap<string, KeptRecord> {
  const rank = ({ pod, isHalf, record }: KeptRecord): string =>
    `${isHalf ? 0 : 1} ${pod === 'dead' ? 0 : 1} ${record.createdAt}`;
  const holders = new Map<string, KeptRecord>();
  for (const one of records) {
    if (one.record.vfGivenUp === true) continue;
    const { pci } = one.record.identity;
    const known = holders.get(pci);
    if (known === undefined || rank(one) > rank(known)) holders.set(pci, one);
  }
  return holders;
}

/** The VF of that address with its PF, or the PF of that name; null if there is none. */
export function findSurveyed(
  { pfs }: Survey,
  target: string,
): { readonly pf: SurveyedPf; readonly vf: SurveyedVf | null } | null {
  for (const pf of pfs) {
    if (pf.sysfs.pci === target || pf.link?.name === target) return { pf, vf: null };
    const vf = pf.vfs.find(({ sysfs, link }) => sysfs.pci === target || link?.name === target);
    if (vf !== undefined) return { pf, vf };
  }
  return null;
}

/** Reads something of a VF's netdev, in its namespace; null if it is in none, or gone since. Throws SystemError. */
export function readNetdev<T>(
  platform: Platform,
  { link, netns, holder }: SurveyedVf,
  read: (namespace: Namespace, link: Link) => T,
): T | null {
  if (link === null) return null;
  const look = (namespace: Namespace): T => read(namespace, link);
  if (netns !== null) {
    const isRecorded = holder !== null && holder.record.netns.path === netns;
    return lookInto(
      platform,
      isRecorded ? openRecordedNetns(platform, holder.record) : platform.openNetns(netns),
      look,
    );
  }
  const host = new Namespace(platform, platform.ownNetns());
  try {
    return look(host);
  } finally {
    host.close();
  }
}

/** Null if reading fails, because the thing may have ended or moved meanwhile. */
export function readQuietly<T>(read: () => T | null): T | null {
  try {
    return read();
  } catch (thrown) {
    if (isSystemError(thrown)) return null;
    throw thrown;
  }
}
