import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';
import { type BrokenSpec, CdiSpecs } from './cdi-spec.ts';
import { type CheckpointPod, listCheckpointPods } from './checkpoints.ts';
import { type ClaimVf, isLeftOver, listClaims, listPodSpecs, sortAddresses } from './driver-specs.ts';
import type { AllocationNode } from './search.ts';
import { Trace } from './trace.ts';

/** A pod for which the DRA driver has left something on this node. */
export interface KnownPod {
  readonly podUid: string;
  /** Its VFs by its CDI spec; null if it has none. */
  readonly specified: readonly PciAddress[] | null;
  /** Its VFs by the driver's checkpoint; null if that doesn't know the pod. */
  readonly prepared: readonly PciAddress[] | null;
  /** CDI devices that the checkpoint names and no spec has: no container of the pod can be made. */
  readonly unspecified: readonly string[];
}

/** All that the DRA driver has left on this node. Reads each file once. */
export class DriverFiles {
  readonly #platform: Platform;
  readonly #trace = new Trace();
  readonly #specs: CdiSpecs;
  #checkpointPods: readonly CheckpointPod[] | undefined;

  constructor({ platform, parseYaml }: AllocationNode) {
    this.#platform = platform;
    this.#specs = new CdiSpecs(platform, parseYaml, this.#trace);
  }

  /** The pods that the driver knows, by UID. Throws CniError decode, io. */
  listPods(): readonly KnownPod[] {
    const podSpecs = listPodSpecs(this.#specs, this.#trace);
    const specified = new Map(podSpecs.map(({ podUid, addresses }) => [podUid, addresses]));
    const prepared = new Map(this.#listPrepared().map(({ podUid, vfs }) => [podUid, vfs]));
    const devices = new Set(this.#specs.mentioning([]).devices.map(({ kind, name }) => `${kind}=${name}`));
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

  /**
   * Devices of claims whose specs the driver has left behind: its checkpoint has the VF for another claim, or neither a
   * checkpoint nor a per-pod spec has it. Throws CniError decode, contradictorySources, io.
   */
  listLeftOver(): readonly ClaimVf[] {
    const listed = new Set(listPodSpecs(this.#specs, this.#trace).flatMap(({ addresses }) => addresses));
    const prepared = this.#listPrepared().flatMap(({ vfs }) => vfs);
    const known = new Set([...listed, ...prepared.map(({ pci }) => pci)]);
    return listClaims(this.#specs, this.#trace).filter((vf) => !known.has(vf.pci) || isLeftOver(vf, prepared));
  }

  /** CDI specs that can't be read: no container of their pods can be made. Throws CniError io. */
  listBroken(): readonly BrokenSpec[] {
    return this.#specs.mentioning([]).broken;
  }

  #listPrepared(): readonly CheckpointPod[] {
    this.#checkpointPods ??= listCheckpointPods(this.#platform, this.#trace);
    return this.#checkpointPods;
  }
}
