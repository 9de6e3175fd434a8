import type { FoundVf } from '../../allocation/pod-vfs.ts';
import type { Explanation, TraceStep } from '../../allocation/resolve.ts';
import { CniError, isCniError } from '../../cni/errors.ts';
import { deadSriovCniNetns } from '../../commands/sriov-cni-books.ts';
import type { SriovConf } from '../../config/sriov-conf.ts';
import { Namespace } from '../../kernel/namespace.ts';
import { spellVfChange } from '../../kernel/rtnl/vfs.ts';
import { printable } from '../../lib/quote.ts';
import type { Platform } from '../../platform/platform.ts';
import { describeAttachment, sameKey } from '../../state/record-store.ts';
import { identifyVf } from '../../vf/identity.ts';
import { planVf } from '../../vf/plan.ts';
import { getPf, takeSnapshot } from '../../vf/snapshot.ts';
import type { VfIdentity } from '../../vf/vf.ts';
import { isLeft, type KeptRecord, readRecords } from '../node/records.ts';
import { type Style, wrap } from '../text.ts';
import { nameHolder, type Tool } from '../tool.ts';

/** What ADD would find and do with the VF. */
export interface Prospects {
  readonly identity: VfIdentity | null;
  /** The error that ADD would give; null if it would succeed. */
  readonly obstacle: CniError | null;
  /** Its changes of the VF, as commands. */
  readonly changes: readonly string[];
}

/** The VF that one ADD would take, and why. */
export interface Plan {
  readonly network: string;
  readonly ifname: string;
  readonly conf: SriovConf;
  readonly outcome: Explanation;
  readonly prospects: Prospects;
  /** The record of this very attachment, if it has been made already. */
  readonly attached: KeptRecord | null;
}

const nothing: Prospects = { identity: null, obstacle: null, changes: [] };

/** What ADD would find and do with the VF, by the plugin's own steps up to its first change. Changes nothing. */
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

/** As reclaimVf of ADD, which first gives back what dead and half-done attachments hold. */
function refuseHeld(platform: Platform, { pci }: VfIdentity, own: KeptRecord | null): void {
  const holder = readRecords(platform).records.find((kept) => kept.record.identity.pci === pci && !isLeft(kept));
  if (holder === undefined || (own !== null && sameKey(holder.key, own.key))) return;
  throw new CniError('vfBusy', `VF ${pci} is held by ${describeAttachment(holder.record)}, which is alive`);
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
    const { admin, mtu } = planVf(conf.settings, identity, snapshot, pf);
    const name = snapshot.netdev?.name;
    return [
      ...(pf === null || Object.keys(admin).length === 0 ? [] : [spellVfChange(pf.name, pf.vfIndex, admin)]),
      ...(name === undefined ? [] : [`ip link set ${name} netns POD name ${ifname}`]),
      ...(mtu === null ? [] : [`ip -n POD link set ${ifname} mtu ${mtu}`]),
    ];
  } finally {
    host.close();
  }
}

const indent = 3;

/** Sources that the runtime didn't give: ADD doesn't look at them, but the plan shows them. */
function absentSources({ conf }: Plan): TraceStep[] {
  const absent = (source: string): TraceStep => ({ source, held: [], verdict: 'not in the network config' });
  return [
    ...(conf.deviceHints.length === 0 ? [absent('deviceID, pciBusID')] : []),
    ...(conf.deviceInfoFile === undefined ? [absent('runtimeConfig.CNIDeviceInfoFile')] : []),
  ];
}

function describeStep(style: Style, { source, held, verdict, candidates }: TraceStep, number: number): string {
  const title = wrap(style, `${number}. ${printable(source)}`, 0);
  if (candidates === undefined) {
    if (held.length === 0) return `${wrap(style, `${number}. ${printable(`${source}: ${verdict}`)}`, 0)}\n`;
    const lines = [
      ...held.map((text) => wrap(style, printable(text), indent)),
      style.faint(wrap(style, printable(verdict), indent)),
    ];
    return `${[title, ...lines].join('\n')}\n`;
  }
  const taken = candidates.find(({ ruledOut }) => ruledOut === null);
  const lines = candidates.map(({ pci, ruledOut }) => {
    if (ruledOut !== null) return wrap(style, `${pci}  ruled out: ${printable(ruledOut)}`, indent);
    return pci === taken?.pci
      ? style.good(`   ${pci}  taken: the first that fits`)
      : `   ${pci}  fits, but comes later`;
  });
  return `${[title, ...lines].join('\n')}\n`;
}

function describeVf({ vfIndex, pfName, driver }: VfIdentity): string {
  return pfName === null ? `a VF without a PF on this machine (${driver})` : `VF ${vfIndex} of ${pfName} (${driver})`;
}

function conclude(style: Style, { ifname, outcome, prospects, attached }: Plan): string {
  const { found, failure } = outcome;
  const recorded = attached?.record.identity.pci;
  const has = recorded === undefined ? [] : [style.strong(`=> ${printable(ifname)} has ${recorded}`)];
  if (recorded !== undefined && found?.pci === recorded) return `${has.join('')}\n`;
  if (found === null)
    return `${style.bad(wrap(style, `=> no VF: error ${failure?.code}: ${printable(failure?.message ?? '')}`, 0))}\n`;
  const { identity, obstacle, changes } = prospects;
  const which = identity === null ? '' : `, ${describeVf(identity)}`;
  const lines = [...has, style.strong(wrap(style, printable(`=> ${ifname} would get ${found.pci}${which}`), 0))];
  if (obstacle !== null)
    lines.push(style.bad(wrap(style, `but ADD fails: error ${obstacle.code}: ${printable(obstacle.message)}`, indent)));
  lines.push(...changes.map((change) => wrap(style, printable(change), indent)));
  return `${lines.join('\n')}\n`;
}

/** A plan as text: every source in order with what it held, and the outcome. */
export function describePlan(style: Style, podUid: string, plan: Plan): string {
  const { attached, network, ifname, outcome } = plan;
  const pod = attached === null ? podUid : `${nameHolder(attached.record.pod, attached.key.containerId)} (${podUid})`;
  const title = style.strong(wrap(style, printable(`${ifname} of pod ${pod}, network ${network}`), 0));
  const steps = [...absentSources(plan), ...outcome.trace];
  return `${title}\n${steps.map((step, at) => describeStep(style, step, at + 1)).join('')}${conclude(style, plan)}`;
}
