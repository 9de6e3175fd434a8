import type { BrokenSpec } from '../../allocation/cdi-spec.ts';
import type { KnownPod } from '../../allocation/driver-files.ts';
import type { ClaimVf } from '../../allocation/driver-specs.ts';
import type { Platform } from '../../platform/platform.ts';
import type { Survey } from '../node/survey.ts';
import { count } from '../text.ts';
import { commandName, nameHolder } from '../tool.ts';
import { type Check, listSome, note, ok, warning, wrong } from './check.ts';

/** What all sources tell of a pod. */
export interface PodFacts {
  readonly pods: readonly KnownPod[];
  readonly brokenSpecs: readonly BrokenSpec[];
  readonly leftOver: readonly ClaimVf[];
  readonly survey: Survey;
  readonly platform: Platform;
}

const vfsOf = ({ specified, prepared }: KnownPod): readonly string[] => specified ?? prepared ?? [];

function recordsOf({ survey }: PodFacts, { podUid }: KnownPod): Survey['kept']['records'] {
  return survey.kept.records.filter(({ record, pod }) => record.pod?.uid === podUid && pod !== 'dead');
}

function nameOf(facts: PodFacts, pod: KnownPod): string {
  const [first] = recordsOf(facts, pod);
  return first?.record.pod?.name === undefined
    ? `pod ${pod.podUid}`
    : nameHolder(first.record.pod, first.key.containerId);
}

/** `ns/web (0000:3b:02.0, 0000:3b:02.1)` */
const withVfs = (facts: PodFacts, pod: KnownPod, vfs: readonly string[]): string =>
  `${nameOf(facts, pod)} (${vfs.join(', ')})`;

function checkDriver({ pods, platform }: PodFacts): Check {
  const directory = `${platform.paths.kubeletDir}/plugins`;
  const drivers = (platform.readDir(directory) ?? []).filter((name) => name.includes('sriov'));
  if (drivers.length === 0 && pods.length === 0) {
    return note(
      'driver',
      `no SR-IOV DRA driver in ${directory}`,
      'where pods are to claim VFs, install dra-driver-sriov',
    );
  }
  const name = drivers.length === 0 ? 'SR-IOV DRA driver' : drivers.join(', ');
  return ok('driver', `${name} has VFs for ${count(pods.length, 'pod')} here`);
}

/** The driver doesn't write the spec of a prepared claim again. */
const remedyForSpec =
  'delete the pod, so that its controller makes another: the driver does not write a prepared claim’s spec again, whatever is restarted';

function checkPrepared(facts: PodFacts): Check {
  const { pods, platform, survey, brokenSpecs, leftOver } = facts;
  const [broken] = brokenSpecs;
  if (broken !== undefined) {
    const found = `no container of its pod can be made: the CDI spec ${broken.file} is broken: ${broken.reason}`;
    return wrong('claims', found, `${remedyForSpec}; then remove the file, if it is still there`);
  }
  const unprepared = pods.filter(({ specified, unspecified }) => specified === null || unspecified.length > 0);
  const [first] = unprepared;
  if (first !== undefined) {
    const device = first.unspecified[0] ?? `pod ${first.podUid}`;
    const found = `no CDI spec in ${platform.paths.cdiDirs.join(' or ')} has ${device}, which the driver’s checkpoint names; no container can be made in ${listSome(unprepared.map((pod) => nameOf(facts, pod)))}`;
    return wrong('claims', found, remedyForSpec);
  }
  const present = new Set(survey.pfs.flatMap(({ vfs }) => vfs.map(({ sysfs }) => sysfs.pci as string)));
  const stale = pods
    .map((pod) => ({ pod, absent: vfsOf(pod).filter((pci) => !present.has(pci)) }))
    .filter(({ absent }) => absent.length > 0);
  if (stale.length > 0) {
    const names = listSome(stale.map(({ pod, absent }) => withVfs(facts, pod, absent)));
    return wrong(
      'claims',
      `VFs that aren’t on this node are claimed by ${names}`,
      'VFs were made anew: restart the pod; a pod that is gone: remove its CDI spec',
    );
  }
  if (leftOver.length > 0) {
    const files = listSome([...new Set(leftOver.map(({ file }) => file))]);
    const found = `CDI specs of claims that are gone: ${files}`;
    return note('claims', found, 'remove them: the driver leaves them where a pod with several claims ends');
  }
  return ok('claims', 'every pod and claim has its CDI spec, and every VF is there');
}

/** The annotation is not on the node, but the attachments that Multus made by it are. */
function checkAttached(facts: PodFacts): Check {
  const counted = facts.pods.map((pod) => {
    const attached = new Set<string>(recordsOf(facts, pod).map(({ record }) => record.identity.pci));
    const missing = vfsOf(pod).filter((pci) => !attached.has(pci));
    return { pod, has: attached.size, of: vfsOf(pod).length, missing };
  });
  const partly = counted.filter(({ has, of }) => has > 0 && has < of);
  if (partly.length > 0) {
    const names = partly.map(
      ({ pod, has, of, missing }) => `${nameOf(facts, pod)} (${has} of ${of}, not ${missing.join(', ')})`,
    );
    const remedy = `name the network in the pod’s annotation once for each VF; check both: ${commandName(facts.platform)} validate FILE...`;
    return warning('annotation', `not all VFs are attached: ${listSome(names)}`, remedy);
  }
  const none = counted.filter(({ has, of }) => has === 0 && of > 0);
  if (none.length > 0) {
    const names = listSome(none.map(({ pod, missing }) => withVfs(facts, pod, missing)));
    return note(
      'annotation',
      `no VF is attached by this plugin for ${names}`,
      `where it should be: ${commandName(facts.platform)} resolve --pod-uid UID, and \`kubectl describe pod\``,
    );
  }
  return ok('annotation', 'every claimed VF is attached');
}

function checkNuma(facts: PodFacts): Check {
  const nodes = new Map(
    facts.survey.pfs.flatMap(({ vfs }) => vfs.map(({ sysfs }) => [sysfs.pci as string, sysfs.numaNode] as const)),
  );
  const split = facts.pods
    .map((pod) => ({ pod, known: vfsOf(pod).filter((pci) => (nodes.get(pci) ?? null) !== null) }))
    .filter(({ known }) => new Set(known.map((pci) => nodes.get(pci))).size > 1);
  if (split.length === 0) return ok('numa', 'no pod has VFs of different NUMA nodes');
  const placed = (pci: string): string => `${pci} on ${nodes.get(pci)}`;
  const names = listSome(split.map(({ pod, known }) => withVfs(facts, pod, known.map(placed))));
  const remedy = 'in the claim: constraints: [{requests: […], matchAttribute: dra.net/numaNode}]';
  return warning('numa', `VFs of different NUMA nodes: ${names}`, remedy);
}

/** Whether the pods of this node have what they claim; fewer checks if there are no such pods. */
export function checkClaims(facts: PodFacts): readonly Check[] {
  const ofPods = [checkPrepared, checkAttached, checkNuma];
  return [
    checkDriver,
    ...(facts.pods.length + facts.brokenSpecs.length + facts.leftOver.length === 0 ? [] : ofPods),
  ].map((check) => check(facts));
}
