import { seesAllProcesses } from '../../kernel/namespace.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { commandName, complain, type Tool } from '../tool.ts';

/** Whether a namespace is that of process 1; `unknown` if not even root may look. */
type Relation = 'process 1' | 'another' | 'unknown';

/** The part of the node that this process sees. */
export interface View {
  /** The mount namespace has the state directory, IPAM plugins' stores, and the paths of network namespaces. */
  readonly mount: Relation;
  /** VFs come home to the network namespace. */
  readonly network: Relation;
  /** False in a PID namespace of its own, where a pod that isn't seen may live. */
  readonly allProcesses: boolean;
}

export function readView(platform: Platform): View {
  return {
    mount: relationOf(platform, 'mnt'),
    network: relationOf(platform, 'net'),
    allProcesses: seesAllProcesses(platform),
  };
}

function relationOf(platform: Platform, kind: 'mnt' | 'net'): Relation {
  const read = (process: string): string | null => platform.readLink(`${platform.paths.procfs}/${process}/ns/${kind}`);
  try {
    const first = read('1');
    if (first === null) return 'unknown';
    return first === read('self') ? 'process 1' : 'another';
  } catch (thrown) {
    if (isSystemError(thrown)) return 'unknown';
    throw thrown;
  }
}

/** For people, on one line. */
export function describeView({ mount, network, allProcesses }: View): string {
  const processes = allProcesses ? 'all processes of the node' : 'only the processes of a PID namespace of its own';
  const where =
    mount === network
      ? phrase(mount, 'mount and network namespaces')
      : `${phrase(mount, 'mount namespace')}, ${phrase(network, 'network namespace')}`;
  return `Seen from ${where}; ${processes}.`;
}

function phrase(relation: Relation, namespaces: string): string {
  if (relation === 'process 1') return `process 1’s ${namespaces}`;
  if (relation === 'another') return `other ${namespaces} than process 1’s`;
  return `${namespaces} that can’t be compared with process 1’s`;
}

/** Whether process 1 of the node sees other files or interfaces; then stderr says how to run the command there. */
export function isElsewhere(tool: Tool, view: View, command: string): boolean {
  if (![view.mount, view.network].includes('another')) return false;
  const self = commandName(tool.platform);
  const run = `nsenter --target 1 --mount --net -- ${self} ${command}`;
  complain(
    tool,
    `${describeView(view)} Run it in those of process 1: ${run}; or here all the same: ${self} ${command} --here`,
  );
  return true;
}
