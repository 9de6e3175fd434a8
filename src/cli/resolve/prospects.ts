import type { FoundVf } from '../../allocation/pod-vfs.ts';
import { CniError, isCniError } from '../../cni/errors.ts';
import { deadSriovCniNetns } from '../../commands/sriov-cni.ts';
import type { SriovConf } from '../../config/sriov-conf.ts';
import { Namespace } from '../../kernel/namespace.ts';
import { spellVfChange } from '../../kernel/rtnl/vf-change.ts';
import type { Platform } from '../../platform/platform.ts';
import { describeKey, sameKey } from '../../state/record-store.ts';
import { identifyVf } from '../../vf/identity.ts';
import { planVf } from '../../vf/plan.ts';
import { getPf, takeSnapshot } from '../../vf/snapshot.ts';
import type { VfIdentity } from '../../vf/vf.ts';
import { isLeft, type KeptRecord, readRecords } from '../node/kept-records.ts';
import type { Tool } from '../tool.ts';
import type { Prospects } from './plan.ts';

const nothing: Prospects = { identity: null, obstacle: null, changes: [] };

/** What ADD would find of the VF, by the plugin's own steps up to its first change. Changes nothing. */
export function prospectsOf(
  tool: Pick<Tool, 'platform' | 'sriovCniCache'>,
  conf: SriovConf,
  ifname: string,
  found: FoundVf | null,
  own: KeptRecord | null,
): Prospects {
  if (found === null) return nothing;
  let identity: VfIdentity | null = null;
  try {
    identity = identifyVf(tool.platform, found.pci, found.source);
    refuseHeld(tool.platform, identity, own);
    return { identity, obstacle: null, changes: own === null ? changesOf(tool, conf, ifname, identity) : [] };
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return { identity, obstacle: thrown, changes: [] };
  }
}

/** As reclaimVf of ADD, which gives back what the dead and the half-done hold. */
function refuseHeld(platform: Platform, { pci }: VfIdentity, own: KeptRecord | null): void {
  const holder = readRecords(platform).records.find((kept) => kept.record.identity.pci === pci && !isLeft(kept));
  if (holder === undefined || (own !== null && sameKey(holder.key, own.key))) return;
  throw new CniError('vfBusy', `VF ${pci} is held by ${describeKey(holder.key)}, which is alive`);
}

function changesOf(
  tool: Pick<Tool, 'platform' | 'sriovCniCache'>,
  conf: SriovConf,
  ifname: string,
  identity: VfIdentity,
): readonly string[] {
  const { platform } = tool;
  const host = new Namespace(platform, platform.ownNetns());
  try {
    deadSriovCniNetns({ ...tool, host }, identity.pci);
    const pf = getPf(platform, host, identity);
    const snapshot = takeSnapshot(platform, host, identity, pf);
    const { admin, mac, mtu } = planVf(conf.settings, identity, snapshot, pf);
    const settings = spellVfChange({ ...admin, ...(mac === null ? {} : { mac }) });
    const name = snapshot.netdev?.name;
    return [
      ...(settings === '' || pf === null ? [] : [`ip link set ${pf.name} vf ${pf.vfIndex} ${settings}`]),
      ...(name === undefined ? [] : [`ip link set ${name} netns POD name ${ifname}`]),
      ...(mtu === null ? [] : [`ip -n POD link set ${ifname} mtu ${mtu}`]),
    ];
  } finally {
    host.close();
  }
}
