// A cluster with one node, by one call.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { bootLab } from '../lab/emulated-lab.ts';
import { executable } from '../lab/lab-node.ts';
import { elapsed, type Progress } from '../lab/progress.ts';
import { kitPath } from '../lab/setup/kit.ts';
import { provision } from '../lab/setup/provision.ts';
import { openRuntimeFolder, type RuntimeFolder } from '../lab/vm/runtime-folder.ts';
import { ControlPlane } from './control-plane.ts';
import { nodeProgram } from './host-process.ts';
import { makeImages } from './images.ts';
import { type ClusterNetwork, controlPlaneAddress, makeNetwork } from './network.ts';
import { ClusterNode, makeDisk, nodeName, registryPort } from './node.ts';
import { driverObjects, kinds } from './objects.ts';
import { providePrograms } from './programs.ts';

/** With more the emulated VFs get no answer from their PF. */
const memoryMib = 2700;
const vfsOfEach = 7;
const nodeTimeoutMs = 300_000;

export interface ClusterOptions {
  readonly progress: Progress;
  /** With an IOMMU, for vfio-pci. */
  readonly iommu?: boolean;
}

export class Cluster {
  readonly controlPlane: ControlPlane;
  readonly worker: ClusterNode;
  /** For sockets, logs and the node's disk. */
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
      await cluster.worker.start(vfsOfEach);
      await cluster.awaitNode();
      progress(`node ready, ${elapsed(begin)} after the start`);
      return cluster;
    } catch (thrown) {
      await close();
      throw thrown;
    }
  }

  /** The node is ready, and all its VFs are in a ResourceSlice. */
  async awaitNode(): Promise<void> {
    const ready = '{.status.conditions[?(@.type=="Ready")].status}';
    await this.controlPlane.until(
      'the node is ready',
      async () =>
        (await this.controlPlane.kubectl(['get', 'node', nodeName, '-o', `jsonpath=${ready}`])).stdout === 'True',
      nodeTimeoutMs,
    );
    await this.controlPlane.until(
      'the VFs are published',
      async () => {
        const path = 'jsonpath={.items[*].spec.devices[*].name}';
        const names = await this.controlPlane.must(['get', 'resourceslices', '-o', path]);
        return names.split(' ').filter(Boolean).length === this.worker.vfs.length;
      },
      nodeTimeoutMs,
    );
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
  const { toolbox, pause } = makeImages(busybox, images);
  const program = [nodeProgram, join(import.meta.dirname, 'registry.ts')];
  const plugin = join(import.meta.dirname, '../../dist/image');
  const layouts = [toolbox, `pause=${pause}`, `dra-sriov-cni=${plugin}`];
  controlPlane.run('registry', [...program, controlPlaneAddress, String(registryPort), ...layouts]);
}
