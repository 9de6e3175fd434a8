import type { TraceStep } from '../../allocation/resolve.ts';
import { printable } from '../../lib/quote.ts';
import type { VfIdentity } from '../../vf/vf.ts';
import type { Style } from '../text/style.ts';
import { wrap } from '../text/table.ts';
import { nameHolder } from '../tool.ts';
import type { Plan } from './plan.ts';

const indent = 3;

/** What the runtime didn't give is no source, but who reads the plan wants to know. */
function absentSources({ conf }: Plan): TraceStep[] {
  const absent = (source: string): TraceStep => ({ source, held: [], verdict: 'not in the network config' });
  return [
    ...(conf.deviceHints.length === 0 ? [absent('deviceID, pciBusID')] : []),
    ...(conf.deviceInfoFile === undefined ? [absent('runtimeConfig.CNIDeviceInfoFile')] : []),
  ];
}

function describeStep(style: Style, { source, held, verdict, candidates }: TraceStep, number: number): string {
  const title = wrap(`${number}. ${printable(source)}`, 0);
  if (candidates === undefined) {
    if (held.length === 0) return `${wrap(`${number}. ${printable(`${source}: ${verdict}`)}`, 0)}\n`;
    const lines = [...held.map((text) => wrap(printable(text), indent)), style.faint(wrap(printable(verdict), indent))];
    return `${[title, ...lines].join('\n')}\n`;
  }
  const taken = candidates.find(({ ruledOut }) => ruledOut === null);
  const lines = candidates.map(({ pci, ruledOut }) => {
    if (ruledOut !== null) return wrap(`${pci}  ruled out: ${printable(ruledOut)}`, indent);
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
    return `${style.bad(wrap(`=> no VF: error ${failure?.code}: ${printable(failure?.message ?? '')}`, 0))}\n`;
  const { identity, obstacle, changes } = prospects;
  const which = identity === null ? '' : `, ${describeVf(identity)}`;
  const lines = [...has, style.strong(wrap(printable(`=> ${ifname} would get ${found.pci}${which}`), 0))];
  if (obstacle !== null)
    lines.push(style.bad(wrap(`but ADD fails: error ${obstacle.code}: ${printable(obstacle.message)}`, indent)));
  lines.push(...changes.map((change) => wrap(printable(change), indent)));
  return `${lines.join('\n')}\n`;
}

/** A plan as text: every source in order with what it held, and what comes of it. */
export function describePlan(style: Style, podUid: string, plan: Plan): string {
  const { attached, network, ifname, outcome } = plan;
  const pod = attached === null ? podUid : `${nameHolder(attached.record.pod, attached.key.containerId)} (${podUid})`;
  const title = style.strong(wrap(printable(`${ifname} of pod ${pod}, network ${network}`), 0));
  const steps = [...absentSources(plan), ...outcome.trace];
  return `${title}\n${steps.map((step, at) => describeStep(style, step, at + 1)).join('')}${conclude(style, plan)}`;
}
