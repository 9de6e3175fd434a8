import { isUid } from '../../allocation/device-hint.ts';
import { DriverFiles } from '../../allocation/driver-files.ts';
import { printable } from '../../lib/quote.ts';
import { allocationNode } from '../node/context.ts';
import type { Survey } from '../node/survey.ts';
import type { Tool } from '../tool.ts';
import { listCachedResults } from './multus-cache.ts';

/** A pod as the files of this node name it. */
export interface NodePod {
  readonly uid: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  /** IDs of its sandbox, and of earlier ones of which something is left. */
  readonly containerIds: readonly string[];
  /** The sources that know it, for people. */
  readonly knownBy: readonly string[];
}

interface Trace {
  readonly uid?: string | undefined;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
  readonly containerId?: string;
  readonly knownBy: string;
}

/** Before the sandbox the kubelet makes a directory for a pod's logs, named `<namespace>_<name>_<uid>`. */
function readLogDirectories({ platform }: Tool): readonly Trace[] {
  return (platform.readDir(platform.paths.podLogDir) ?? []).flatMap((entry) => {
    const [namespace, name, uid] = entry.split('_');
    return uid === undefined || !isUid(uid)
      ? []
      : [{ namespace, name, uid, knownBy: 'the kubelet’s directory of logs' }];
  });
}

function collectTraces(tool: Tool, survey: Survey): readonly Trace[] {
  const records = survey.kept.records.map(
    ({ key, record }): Trace => ({
      uid: record.pod?.uid,
      namespace: record.pod?.namespace,
      name: record.pod?.name,
      containerId: key.containerId,
      knownBy: 'an attachment record',
    }),
  );
  const cached = listCachedResults(tool.platform).map(
    ({ podUid, namespace, name, containerId }): Trace => ({
      uid: podUid ?? undefined,
      namespace: namespace ?? undefined,
      name: name ?? undefined,
      containerId,
      knownBy: 'Multus’ cache',
    }),
  );
  const driver = new DriverFiles(allocationNode(tool));
  const claimed = driver.listPods().map(({ podUid }): Trace => ({ uid: podUid, knownBy: 'the DRA driver' }));
  const bySriovCni = survey.sriovCni.map(({ containerId }): Trace => ({ containerId, knownBy: 'sriov-cni’s files' }));
  return [...records, ...cached, ...readLogDirectories(tool), ...claimed, ...bySriovCni];
}

/** Some sources know only the container, others the pod of that container. */
function identityOf({ uid, containerId }: Trace, traces: readonly Trace[]): string {
  const known = uid ?? traces.find((other) => other.uid !== undefined && other.containerId === containerId)?.uid;
  return known ?? `container ${containerId}`;
}

function merge(traces: readonly Trace[]): NodePod {
  const first = (key: 'uid' | 'namespace' | 'name'): string | null => traces.find((trace) => trace[key])?.[key] ?? null;
  return {
    uid: first('uid'),
    namespace: first('namespace'),
    name: first('name'),
    containerIds: [...new Set(traces.flatMap(({ containerId }) => containerId ?? []))],
    knownBy: [...new Set(traces.map(({ knownBy }) => knownBy))],
  };
}

/** The pods that any source on this node knows. Throws CniError decode, io; SystemError. */
export function listNodePods(tool: Tool, survey: Survey): readonly NodePod[] {
  const byIdentity = new Map<string, Trace[]>();
  const traces = collectTraces(tool, survey);
  for (const trace of traces) {
    const identity = identityOf(trace, traces);
    byIdentity.set(identity, [...(byIdentity.get(identity) ?? []), trace]);
  }
  return [...byIdentity.values()].map(merge);
}

/** A shorter beginning of a container's ID may fit several. */
const minIdLength = 8;

/** Whether a text names a pod: `name`, `namespace/name`, its UID, or (the beginning of) a container's ID. */
export function isCalled({ uid, namespace, name, containerIds }: NodePod, target: string): boolean {
  if (uid === target || name === target || `${namespace}/${name}` === target) return true;
  const id = target.toLowerCase().replace(/^[a-z-]+:\/\//, '');
  return id.length >= minIdLength && containerIds.some((containerId) => containerId.startsWith(id));
}

/** `vf-test8/pod0 (UID …)` */
export function namePod({ uid, namespace, name, containerIds }: NodePod): string {
  const [containerId = ''] = containerIds;
  if (name === null) return printable(uid === null ? `container ${containerId.slice(0, 13)}` : `UID ${uid}`);
  return printable(`${namespace === null ? '' : `${namespace}/`}${name}${uid === null ? '' : ` (UID ${uid})`}`);
}
