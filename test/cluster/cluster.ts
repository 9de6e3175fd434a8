// A control plane with a node that is played, by one call.
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { LabError } from '../lab/lab-error.ts';
import { elapsed, type Progress } from '../lab/progress.ts';
import { openRuntimeFolder } from '../lab/vm/runtime-folder.ts';
import { peerDir } from '../support/peers.ts';
import { ControlPlane } from './control-plane.ts';
import { makeNetwork } from './network.ts';
import { driverObjects, kinds } from './objects.ts';
import { type StandInVf, startStandInNode } from './stand-in-node.ts';

const programNames = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubectl'];

export interface Cluster {
  readonly controlPlane: ControlPlane;
  /** In the order of their PFs and numbers. */
  readonly vfs: readonly StandInVf[];
}

/** Folder of the cluster's programs; builds them where they are missing. */
function providePrograms(): string {
  const programs = peerDir('cluster');
  if (programs === '')
    throw new LabError('setup', 'Kubernetes is not built, which takes Go 1.26 and a Go module proxy');
  return programs;
}

/** Starts everything for `body`; it ends afterwards, whatever happens. All VFs are published then. */
export async function withCluster(progress: Progress, body: (cluster: Cluster) => Promise<void>): Promise<void> {
  if (process.getuid?.() !== 0) throw new LabError('setup', 'a cluster needs root, for its network namespace');
  const programs = providePrograms();
  const driver = process.env['DRA_DRIVER'] ?? join(programs, 'dra-driver');
  const begin = performance.now();
  const runtime = openRuntimeFolder();
  const links = join(runtime.path, 'bin');
  mkdirSync(links);
  for (const name of programNames) symlinkSync(join(programs, 'kube'), join(links, name));
  const network = await makeNetwork();
  const controlPlane = new ControlPlane(runtime.path, links, network);
  try {
    await controlPlane.start();
    progress(`control plane ready in ${elapsed(begin)}`);
    await controlPlane.apply(kinds);
    await controlPlane.must(['wait', '--for=condition=Established', 'crd', '--all', '--timeout=60s']);
    await controlPlane.apply(driverObjects);
    const vfs = await startStandInNode(controlPlane, runtime.path, driver);
    await body({ controlPlane, vfs });
  } finally {
    await controlPlane.stop();
    network.remove();
    runtime.remove();
  }
}
