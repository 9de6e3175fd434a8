import { explain as explainError, isCniError } from '../../cni/errors.ts';
import { printable, quote } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { type KeptRecord, recordedConf } from '../node/records.ts';
import { type Survey, surveyNode } from '../node/survey.ts';
import { type Ask, confOf, namedByClaims, planAll } from '../resolve/resolve.ts';
import { type Paint, wrap } from '../text.ts';
import { commandName, complain, type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { attachmentSteps } from './attachment-steps.ts';
import { isCalled, listNodePods, type NodePod, namePod } from './find-pod.ts';
import { type Annotation, readAnnotation } from './multus-cache.ts';
import { annotationStep, cdiStep, claimedVfs, claimStep, readClaimed } from './pod-steps.ts';
import { sriovCniSteps } from './sriov-cni-steps.ts';
import type { Step } from './steps.ts';

interface Chain {
  readonly network: string;
  readonly ifname: string;
  readonly steps: readonly Step[];
}

/** The answer about a pod. */
interface Explained {
  readonly pod: NodePod;
  readonly steps: readonly Step[];
  readonly attachments: readonly Chain[];
  /** The first link that is broken, in the order of the chain. */
  readonly broken: Step | null;
}

/**
 * `explain POD`: the chain from annotation and claim to the interface in the pod, and where it is broken. Changes
 * nothing.
 */
export function explain(tool: Tool, target: string, { json = false }: { readonly json?: boolean }): ExitCode {
  let explained: Explained | string;
  try {
    const survey = surveyNode(tool);
    const found = findPod(tool, survey, target);
    explained = typeof found === 'string' ? found : explainPod(tool, survey, found);
  } catch (thrown) {
    if (!isSystemError(thrown) && !isCniError(thrown)) throw thrown;
    explained = explainError(thrown);
  }
  if (typeof explained === 'string') {
    complain(tool, explained);
    return exitCodes.wrong;
  }
  if (json) printJson(tool, explainedJson(tool, explained));
  else tool.platform.writeStdout(describe(tool, explained));
  return explained.broken === null ? exitCodes.fine : exitCodes.wrong;
}

/** The pod, or why it isn't one. */
function findPod(tool: Tool, survey: Survey, target: string): NodePod | string {
  const pods = listNodePods(tool, survey);
  const called = pods.filter((pod) => isCalled(pod, target));
  const isHere = ({ uid }: NodePod): boolean =>
    uid !== null && tool.platform.stat(`${tool.platform.paths.kubeletDir}/pods/${uid}`) !== null;
  // A StatefulSet gives a name again, while files of the pod before are still here.
  const present = called.filter(isHere);
  const [pod, ...others] = present.length > 0 ? present : called;
  const list = (some: readonly NodePod[]): string => some.map((one) => `\n  ${namePod(one)}`).join('');
  if (pod === undefined) {
    const known = pods.length === 0 ? 'nothing here tells of any pod' : `there are:${list(pods)}`;
    return `nothing on this node tells of a pod ${quote(target)} (name, namespace/name, UID or container ID); ${known}`;
  }
  return others.length === 0 ? pod : `${quote(target)} is more than one pod:${list([pod, ...others])}`;
}

function recordsOf({ kept }: Survey, pod: NodePod): readonly KeptRecord[] {
  const own = kept.records.filter(
    ({ key, record }) =>
      (pod.uid !== null && record.pod?.uid === pod.uid) || pod.containerIds.includes(key.containerId),
  );
  // If the sandbox was made anew, records of the dead one may be left.
  const living = own.filter((kept) => kept.pod !== 'dead');
  return living.length > 0 ? living : own;
}

/** The attachments of a pod, by our records and by the files of sriov-cni. */
interface Attached {
  readonly records: readonly KeptRecord[];
  readonly entries: Survey['sriovCni'];
}

/** What ADD is asked for, by the records, by Multus' copy of the annotation, or else by the pod's claims. */
function asksOf(
  tool: Tool,
  pod: NodePod,
  { records, entries }: Attached,
  annotation: Annotation | null,
): readonly Ask[] {
  const uid = pod.uid ?? '';
  const recorded = records.flatMap(({ key, record }): readonly Ask[] => {
    const conf = recordedConf(record);
    return conf === null ? [] : [{ network: key.network, ifname: key.ifname, conf }];
  });
  const isRecorded = (ifname: string): boolean => [...recorded, ...entries].some((one) => one.ifname === ifname);
  const annotated = (annotation?.networks ?? []).flatMap(({ network, ifname, config }): readonly Ask[] =>
    isRecorded(ifname) ? [] : [{ network, ifname, conf: confOf(uid, network, config) }],
  );
  const asked = [...recorded, ...annotated];
  if (asked.length + entries.length > 0 || uid === '') return asked;
  return namedByClaims(tool, uid).map((network, at) => ({
    network,
    ifname: `net${at + 1}`,
    conf: confOf(uid, network, { type: 'dra-sriov' }),
  }));
}

function explainPod(tool: Tool, survey: Survey, pod: NodePod): Explained {
  const records = recordsOf(survey, pod);
  const entries = survey.sriovCni.filter(({ containerId }) => pod.containerIds.includes(containerId));
  const containers = [...new Set([...records.map(({ key }) => key.containerId), ...pod.containerIds])];
  const annotation = containers.map((id) => readAnnotation(tool.platform, id)).find((each) => each !== null) ?? null;
  const claimed = readClaimed(tool, pod.uid ?? '');
  // VFs of a device plugin have no claims.
  const vfs = claimedVfs(claimed).length;
  const claim = vfs > 0 || records.length + entries.length === 0 ? claimStep(pod, claimed) : null;
  const steps = [
    annotationStep(pod, annotation, {
      claimed: claim?.verdict === 'ok' ? vfs : 0,
      attached: records.length + entries.length,
    }),
    ...(claim === null ? [] : [claim, cdiStep(pod, claimed)]),
  ];
  const asks = asksOf(tool, pod, { records, entries }, annotation);
  const attachments: readonly Chain[] = [
    ...planAll(tool, asks, records).map((plan) => ({
      network: plan.network,
      ifname: plan.ifname,
      steps: attachmentSteps(tool, survey, pod.uid, plan),
    })),
    ...entries.map((entry) => ({
      network: entry.attachment?.network ?? 'unknown',
      ifname: entry.ifname,
      steps: sriovCniSteps(survey, entry),
    })),
  ];
  const all = [...steps, ...attachments.flatMap((chain) => chain.steps)];
  return { pod, steps, attachments, broken: all.find(({ verdict }) => verdict === 'broken') ?? null };
}

const idWidth = 'annotation'.length;
const column = 'BROKEN'.length + idWidth + 4;

function describeStep({ style }: Tool, step: Step, first: Step | null): string {
  const { id, verdict, found, compared } = step;
  const isFirst = step === first;
  const paints: Record<Step['verdict'], Paint> = {
    ok: style.good,
    broken: isFirst ? style.bad : style.warning,
    unknown: style.faint,
  };
  const words = { ok: 'ok', broken: isFirst ? 'BROKEN' : 'broken', unknown: '?' };
  const text = wrap(style, printable(found), column, 0).trimStart();
  const title = `${paints[verdict](words[verdict].padEnd('BROKEN'.length))}  ${id.padEnd(idWidth)}  ${text}\n`;
  return compared === null ? title : `${title}${style.faint(wrap(style, printable(`= ${compared}`), column))}\n`;
}

function describe(tool: Tool, { pod, steps, attachments, broken }: Explained): string {
  const { style } = tool;
  const describeAll = (some: readonly Step[]): string => some.map((step) => describeStep(tool, step, broken)).join('');
  const chains = attachments.map(
    ({ network, ifname, steps: own }) =>
      `\n${style.strong(wrap(style, printable(`${ifname}, network ${network}`), 0))}\n${describeAll(own)}`,
  );
  const known = `known by ${pod.knownBy.join(', ')}`;
  const end =
    broken === null
      ? style.good('Nothing is broken.')
      : `${style.strong(`First broken: ${broken.id}.`)}\n${wrap(style, printable(`-> ${whatToType(tool, broken)}`), 0, 3)}`;
  return `${style.strong(`pod ${namePod(pod)}`)}\n${wrap(style, known, 0)}\n${describeAll(steps)}${chains.join('')}\n${end}\n`;
}

function whatToType({ platform }: Tool, { next }: Step): string | null {
  return next === null || typeof next === 'string' ? next : `${commandName(platform)} ${next.own}`;
}

function explainedJson(tool: Tool, { pod, steps, attachments, broken }: Explained): unknown {
  const named = (some: readonly Step[]): unknown => some.map((step) => ({ ...step, next: whatToType(tool, step) }));
  return {
    pod,
    steps: named(steps),
    attachments: attachments.map((chain) => ({ ...chain, steps: named(chain.steps) })),
    broken: broken?.id ?? null,
    next: broken === null ? null : whatToType(tool, broken),
  };
}
