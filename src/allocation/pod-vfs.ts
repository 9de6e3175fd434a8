import type { PciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import { chooseVf } from './candidates.ts';
import type { CheckpointVf } from './checkpoint.ts';
import { type PodVfs, sortAddresses } from './per-pod-spec.ts';
import type { Search } from './search.ts';

export interface FoundVf {
  readonly pci: PciAddress;
  /** Where the address is from, for people. */
  readonly source: string;
}

/** The pod's VFs by the checkpoint; null where it knows the pod not. Throws CniError contradictorySources where two disagree. */
function readCheckpointVfs(search: Search): PodVfs | null {
  const vfs = search.checkpoints();
  const [file, ...others] = [...new Set(vfs.map((vf) => vf.file))];
  if (file === undefined) return null;
  const listed = (of: string): readonly PciAddress[] =>
    sortAddresses(vfs.flatMap((vf: CheckpointVf) => (vf.file === of ? [vf.pci] : [])));
  const odd = others.find((other) => listed(other).join() !== listed(file).join());
  if (odd === undefined) return { source: `driver checkpoint ${file}`, addresses: listed(file) };
  for (const one of [file, odd])
    search.trace.add(`driver checkpoint ${one}`, listed(one), 'the two contradict each other');
  throw search.trace.failure(
    'contradictorySources',
    `the driver checkpoints ${file} and ${odd} list different VFs for ${search.podName}: remove the stale one`,
  );
}

/**
 * The next VF of the pod, by its per-pod CDI spec or else by the driver's checkpoint. Throws CniError noVfForPod where
 * neither knows the pod, or every VF is ruled out.
 */
export function findByPod(search: Search): FoundVf {
  const { trace, ask, podName, podUid } = search;
  if (podUid === null) {
    trace.add('CNI_ARGS', [], 'no K8S_POD_UID');
    throw trace.failure(
      'noVfForPod',
      `no VF for network ${quote(ask.network)}: the config has no device ID, and CNI_ARGS has no K8S_POD_UID to look one up by`,
    );
  }
  const spec = search.podSpecAnywhere();
  if (spec !== null && spec.addresses.length > 0) return { pci: chooseVf(search, spec), source: spec.source };
  trace.add(spec?.source ?? `CDI specs in ${search.platform.paths.cdiDirs.join(' and ')}`, [], 'no VF of this pod');
  const known = readCheckpointVfs(search);
  if (known !== null) return { pci: chooseVf(search, known), source: known.source };
  trace.add(`driver checkpoints in ${search.platform.paths.kubeletDir}/plugins`, [], 'nothing of this pod');
  throw trace.failure(
    'noVfForPod',
    `no VF for network ${quote(ask.network)} of ${podName}: no device ID from the runtime, no CDI spec and no checkpoint of the SR-IOV DRA driver; does the pod have a ResourceClaim for it?`,
  );
}
