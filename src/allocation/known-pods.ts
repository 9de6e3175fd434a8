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
  /** CDI devices that the checkpoint names and no spec has: no container of the pod can be made. */
  readonly unspecified: readonly string[];
}

/** The pods of this node that the DRA driver knows, by UID. Throws CniError decode, io. */
export function listKnownPods({ platform, parseYaml }: AllocationNode): readonly KnownPod[] {
  const trace = new Trace();
  const specs = new CdiSpecs(platform, parseYaml, trace);
  const specified = new Map(listPodSpecs(specs, trace).map(({ podUid, addresses }) => [podUid, addresses]));
  const prepared = new Map(listCheckpointPods(platform, trace).map(({ podUid, vfs }) => [podUid, vfs]));
  const devices = new Set(specs.mentioning([]).devices.map(({ kind, name }) => `${kind}=${name}`));
  const uids = [...new Set([...specified.keys(), ...prepared.keys()])].sort();
  return uids.map((podUid) => {
    const vfs = prepared.get(podUid);
    const named = new Set(vfs?.flatMap(({ cdiDevices }) => cdiDevices));
    return {
      podUid,
      specified: specified.get(podUid) ?? null,
      prepared: vfs === undefined ? null : sortAddresses(vfs.map(({ pci }) => pci)),
      unspecified: [...named].filter((device) => !devices.has(device)),
    };
  });
}
