import { explain } from '../../cni/errors.ts';
import { Namespace } from '../../kernel/namespace.ts';
import { visitOtherNamespaces } from '../../kernel/namespace-search.ts';
import type { Link } from '../../kernel/rtnl/links.ts';
import type { SysfsVf } from '../../kernel/sysfs.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Netns, Platform } from '../../platform/platform.ts';
import { podLinkTraits } from '../../state/attachment-record.ts';
import { openRecordedNetns } from '../../state/liveness.ts';
import { findByPci, findInPod } from '../../vf/locate.ts';
import { adminDifferences } from '../../vf/verify.ts';
import { type KeptRecord, recordedConf } from './records.ts';

/** The outcome of a look into the pod's namespace. */
export interface Attached {
  /** The VF's netdev; null where it isn't there. */
  readonly link: Link | null;
  /** Why the namespace can't be looked into; null if it was. */
  readonly failure: string | null;
}

/** Looks for the VF in the namespace that its record names; null where the pod is dead. */
export function findAttached(platform: Platform, { record, pod }: KeptRecord): Attached | null {
  if (pod === 'dead') return null;
  try {
    const netns = openRecordedNetns(platform, record);
    return lookInto(platform, netns, (namespace) => ({
      link: findInPod(platform, namespace, podLinkTraits(record)),
      failure: null,
    }));
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return { link: null, failure: explain(thrown) };
  }
}

/** Reads something in a namespace and closes it; null where there is none. */
export function lookInto<T>(platform: Platform, netns: Netns | null, read: (namespace: Namespace) => T): T | null {
  if (netns === null) return null;
  const namespace = new Namespace(platform, netns);
  try {
    return read(namespace);
  } finally {
    namespace.close();
    netns.close();
  }
}

export interface Comparison {
  readonly host: Namespace;
  readonly pf: Link | null;
  readonly holder: KeptRecord;
  readonly onHost: Link | null;
  readonly attached: Attached | null;
  readonly sysfs: SysfsVf;
}

/** Differences between a record and the kernel, in plain words. */
export interface Disagreement {
  /** Those about the pod and the place of the VF. */
  readonly place: readonly string[];
  /** Those about the PF's settings. */
  readonly settings: readonly string[];
}

/** Compares the record of a VF with the kernel; settings only if the pod can be looked into. */
export function compareWithRecord(comparison: Comparison): Disagreement {
  const { holder, attached } = comparison;
  const place = (text: string): Disagreement => ({ place: [text], settings: [] });
  if (holder.pod === 'dead') return place('its pod is gone: the next ADD on it, DEL or `gc` gives it back');
  if (holder.pod === 'unknown' || attached === null) return place('whether its pod lives can’t be told');
  if (attached.failure !== null) return place(`its pod can’t be looked into: ${attached.failure}`);
  if (holder.isHalf) return place('its ADD or DEL is not done: under way, or killed');
  return { place: placeDifferences(comparison, attached), settings: settingDifferences(comparison) };
}

function placeDifferences({ holder, onHost, sysfs }: Comparison, { link }: Attached): string[] {
  const { key, identity, snapshot } = holder.record;
  if (sysfs.driver !== identity.driver) {
    return [`its driver is ${sysfs.driver ?? 'none'}, recorded is ${identity.driver}`];
  }
  if (snapshot.netdev === null) return [];
  if (link === null) {
    return [
      `the record says that it is in the pod, but it is ${onHost === null ? 'not' : `on the host (${onHost.name})`}`,
    ];
  }
  return link.name === key.ifname ? [] : [`it is called ${link.name} in the pod, recorded is ${key.ifname}`];
}

function settingDifferences({ host, pf, holder }: Comparison): string[] {
  const { identity, snapshot } = holder.record;
  const conf = recordedConf(holder.record);
  if (snapshot.admin === null || conf === null) return [];
  const { vfIndex } = identity;
  const where = `VF ${vfIndex} of PF ${identity.pfName}`;
  const ofVf = pf === null || vfIndex === null ? null : { ...pf, vfIndex };
  return adminDifferences(host, ofVf, identity, snapshot.admin, conf.settings).map((text) =>
    text.replace(`${where}: `, '').replace(where, 'the PF’s record of it'),
  );
}

/** A netdev found in a namespace of which no record tells. */
export interface Stray {
  readonly link: Link;
  /** A path of the namespace: `/run/netns/…`, or through a process that lives in it. */
  readonly netns: string;
}

function readQuietly<T>(read: () => T): T | null {
  try {
    return read();
  } catch (thrown) {
    // Processes and namespaces end while they are looked at.
    if (isSystemError(thrown)) return null;
    throw thrown;
  }
}

/** Looks for the netdevs of these PCI addresses in all other network namespaces of this node. */
export function findStrays(platform: Platform, wanted: ReadonlySet<string>): ReadonlyMap<string, Stray> {
  const strays = new Map<string, Stray>();
  const look = (netns: Netns, path: string): void => {
    if (strays.size === wanted.size) return;
    const namespace = new Namespace(platform, netns);
    try {
      for (const [pci, link] of findByPci(platform, namespace, wanted)) strays.set(pci, { link, netns: path });
    } finally {
      namespace.close();
    }
  };
  if (wanted.size > 0) {
    readQuietly(() => visitOtherNamespaces(platform, (netns, path) => void readQuietly(() => look(netns, path))));
  }
  return strays;
}
