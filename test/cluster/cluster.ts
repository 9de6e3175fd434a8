// A cluster with one node, by one call.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootLab } from '../lab/emulated-lab.ts';
import { LabError } from '../lab/lab-error.ts';
import { executable } from '../lab/lab-node.ts';
import { elapsed, type Progress } from '../lab/progress.ts';
import { kitPath } from '../lab/setup/kit.ts';
import { provision } from '../lab/setup/provision.ts';
import { openRuntimeFolder, type RuntimeFolder } from '../lab/vm/runtime-folder.ts';
import { type Condition, ControlPlane, isTrue } from './control-plane.ts';
import { makeDisk, registryPort } from './disk.ts';
import { nodeProgram } from './host-process.ts';
import { makeBaseImages, makePluginImages } from './images.ts';
import { type ClusterNetwork, controlPlaneAddress, makeNetwork } from './network.ts';
import { ClusterNode } from './node.ts';
import { driverObjects, kinds } from './objects.ts';
import { providePrograms } from './programs.ts';

/** The emulated VFs get no answer from their PF with more. */
const memoryMib = 2700;
const vfsOfEach = 7;
const nodeTimeoutMs = 300_000;

export interface ClusterOptions {
  readonly progress: Progress;
  /** With an IOMMU, for vfio-pci. */
  readonly iommu?: boolean;
}

/** A device of a ResourceSlice. */
export interface PublishedDevice {
  readonly name: string;
  readonly attributes: Readonly<Record<string, { readonly string?: string; readonly int?: number }>>;
}

/** The error has what the node told when something failed. */
class ToldError extends LabError {}

export class Cluster {
  readonly controlPlane: ControlPlane;
  readonly worker: ClusterNode;
  /** Sockets, logs and the node's disk are in it. */
  readonly folder: string;
  readonly #runtime: RuntimeFolder;
  readonly #network: ClusterNetwork;

  private constructor(
    runtime: RuntimeFolder,
    network: ClusterNetwork,
    controlPlane: ControlPlane,
    worker: ClusterNode,
  ) {
    this.#runtime = runtime;
    this.#network = network;
    this.folder = runtime.path;
    this.controlPlane = controlPlane;
    this.worker = worker;
  }

  /** Builds what is missing, and starts everything; the node is ready then, and its VFs are published. */
  static async start({ progress, iommu = false }: ClusterOptions): Promise<Cluster> {
    const runtime = openRuntimeFolder();
    const closers: (() => unknown)[] = [() => runtime.remove()];
    const close = async (): Promise<void> => {
      for (const each of closers.toReversed()) await each();
    };
    try {
      const programs = await providePrograms(runtime.path, progress);
      const kit = await provision(progress);
      const begin = performance.now();
      const network = await makeNetwork();
      closers.push(() => network.remove());
      const controlPlane = new ControlPlane(runtime.path, programs.controlPlane, network);
      closers.push(() => controlPlane.stop());
      await controlPlane.start();
      progress(`control plane ready in ${elapsed(begin)}`);
      startRegistry(controlPlane, runtime.path, kitPath.busybox(kit));
      const disk = join(runtime.path, 'node.img');
      await makeDisk(disk, { programs, executable, controlPlane });
      const hardware = { memoryMib, uplink: { netns: network.netns, tap: network.tap }, disk };
      const lab = await bootLab({ fresh: true, iommu, hardware, progress });
      closers.push(() => lab.shutdown());
      const cluster = new Cluster(runtime, network, controlPlane, new ClusterNode(lab, kit));
      await controlPlane.apply(kinds);
      await controlPlane.must(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
      await controlPlane.apply(driverObjects);
      progress('starting containerd, kubelet and the DRA driver');
      await cluster.telling(async () => {
        await cluster.worker.start(vfsOfEach);
        await cluster.awaitNode();
      });
      progress(`node ready, ${elapsed(begin)} after the start`);
      return cluster;
    } catch (thrown) {
      await close();
      throw thrown;
    }
  }

  /** The node is ready, and all its VFs are in a ResourceSlice. */
  async awaitNode(): Promise<void> {
    await this.controlPlane.until('the node is ready', () => this.#isNodeReady(), nodeTimeoutMs);
    await this.controlPlane.until(
      'the VFs are published',
      async () => (await this.publishedDevices()).length === this.worker.vfs.length,
      nodeTimeoutMs,
    );
  }

  /** False too where there is no node yet. */
  async #isNodeReady(): Promise<boolean> {
    interface Node {
      readonly status: { readonly conditions?: readonly Condition[] };
    }
    const nodes = await this.controlPlane.list<Node>('/api/v1/nodes');
    return nodes.some(({ status }) => isTrue(status.conditions, 'Ready'));
  }

  async publishedDevices(): Promise<readonly PublishedDevice[]> {
    interface ResourceSlice {
      readonly spec: { readonly devices?: readonly PublishedDevice[] };
    }
    const slices = await this.controlPlane.list<ResourceSlice>('/apis/resource.k8s.io/v1/resourceslices');
    return slices.flatMap(({ spec }) => spec.devices ?? []);
  }

  /** Does something; if that fails, the error has what the node tells of it then. */
  async telling(body: () => Promise<void>): Promise<void> {
    try {
      await body();
    } catch (cause) {
      if (cause instanceof ToldError) throw cause;
      const story = cause instanceof Error ? cause.stack : String(cause);
      const evidence = await this.worker.evidence().catch((thrown: unknown) => `no evidence: ${String(thrown)}`);
      throw new ToldError('guest', `${story}\n${evidence}`, { cause });
    }
  }

  async cutPower(): Promise<void> {
    await this.worker.cutPower(vfsOfEach);
  }

  async stop(): Promise<void> {
    await this.worker.lab.shutdown();
    await this.controlPlane.stop();
    this.#network.remove();
    this.#runtime.remove();
  }
}

function startRegistry(controlPlane: ControlPlane, folder: string, busybox: string): void {
  const images = join(folder, 'images');
  mkdirSync(images);
  const { toolbox, ...others } = { ...makeBaseImages(busybox, images), ...makePluginImages(images) };
  const program = [nodeProgram, join(import.meta.dirname, 'registry.ts')];
  const layouts = Object.entries(others).map(([name, layout]) => `${name}=${layout}`);
  controlPlane.run('registry', [...program, controlPlaneAddress, String(registryPort), toolbox, ...layouts]);
}
