import { explain } from '../../cni/errors.ts';
import { podLinkTraits } from '../../commands/detach.ts';
import { Namespace } from '../../kernel/namespace.ts';
import type { Link } from '../../kernel/rtnl/links.ts';
import type { SysfsVf } from '../../kernel/sysfs.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { openRecordedNetns } from '../../state/liveness.ts';
import { findInPod } from '../../vf/locate.ts';
import { adminDifferences } from '../../vf/verify.ts';
import type { KeptRecord } from './kept-records.ts';
import { recordedConf } from './recorded-request.ts';

/** What was found in the pod's namespace. */
export interface Attached {
  /** The VF's netdev; null where it isn't there. */
  readonly link: Link | null;
  /** Why the namespace can't be looked into; null where it was. */
  readonly failure: string | null;
}

/** Looks for the VF in the namespace that its record names; null where the pod is dead. */
export function findAttached(platform: Platform, { record, pod }: KeptRecord): Attached | null {
  if (pod === 'dead') return null;
  try {
    const netns = openRecordedNetns(platform, record);
    if (netns === null) return null;
    const namespace = new Namespace(platform, netns);
    try {
      return { link: findInPod(platform, namespace, podLinkTraits(record)), failure: null };
    } finally {
      namespace.close();
      netns.close();
    }
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return { link: null, failure: explain(thrown) };
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

/** How the record of a VF and the kernel disagree, in plain words. */
export function compareWithRecord(comparison: Comparison): readonly string[] {
  const { holder, attached } = comparison;
  if (holder.pod === 'dead') return ['its pod is gone: the next ADD on it, DEL or `dra-sriov gc` gives it back'];
  if (holder.pod === 'unknown' || attached === null) return ['whether its pod lives can’t be told'];
  if (attached.failure !== null) return [`its pod can’t be looked into: ${attached.failure}`];
  if (holder.isHalf) return ['its ADD or DEL is not done: under way, or killed'];
  return [...placeDifferences(comparison, attached), ...settingDifferences(comparison)];
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
