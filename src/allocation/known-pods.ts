import type { PciAddress } from '../lib/pci-address.ts';
import { CdiSpecs } from './cdi-spec.ts';
import { listCheckpointPods } from './checkpoint.ts';
import { listPodSpecs, sortAddresses } from './per-pod-spec.ts';
import type { AllocationNode } from './search.ts';
import { Trace } from './trace.ts';

/** A pod for which the DRA driver has left something on this node. */
export interface KnownPod {
  readonly podUid: string;
  /** By its CDI spec; null where it has none. */
  readonly specified: readonly PciAddress[] | null;
  /** By the driver's checkpoint; null where that doesn't know it. */
  readonly prepared: readonly PciAddress[] | null;
}

/** The pods of this node that the DRA driver knows, by UID. Throws CniError decode, io. */
export function listKnownPods({ platform, parseYaml }: AllocationNode): readonly KnownPod[] {
  const trace = new Trace();
  const specified = new Map(
    listPodSpecs(new CdiSpecs(platform, parseYaml, trace), trace).map(({ podUid, addresses }) => [podUid, addresses]),
  );
  const prepared = new Map(
    listCheckpointPods(platform, trace).map(({ podUid, vfs }) => [podUid, sortAddresses(vfs.map(({ pci }) => pci))]),
  );
  const uids = [...new Set([...specified.keys(), ...prepared.keys()])].sort();
  return uids.map((podUid) => ({
    podUid,
    specified: specified.get(podUid) ?? null,
    prepared: prepared.get(podUid) ?? null,
  }));
}
