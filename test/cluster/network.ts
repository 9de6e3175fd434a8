import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { runChecked } from '../lab/child.ts';
import { onProcessEnd } from '../lab/process-end.ts';
import type { Uplink } from '../lab/vm/qemu-command.ts';

const timeoutMs = 10_000;

/** Addresses of the control plane and of the node, on the wire between them. */
export const controlPlaneAddress = '192.168.76.1';
export const nodeAddress = '192.168.76.2';

/** A network namespace of this machine: the control plane is in it, and one end of the node's uplink. */
export interface ClusterNetwork extends Uplink {
  remove(): void;
}

/** Removes namespaces whose process was killed before it could do so. */
function removeAbandoned(): void {
  if (!existsSync('/run/netns')) return;
  for (const name of readdirSync('/run/netns')) {
    const match = /^dra-cluster-(\d+)-/.exec(name);
    if (match !== null && !existsSync(`/proc/${match[1]}`)) spawnSync('ip', ['netns', 'delete', name]);
  }
}

export async function makeNetwork(): Promise<ClusterNetwork> {
  removeAbandoned();
  const name = `dra-cluster-${process.pid}-${randomBytes(3).toString('hex')}`;
  const tap = 'node1';
  const ip = (...args: readonly string[]): Promise<unknown> => runChecked(['ip', ...args], { timeoutMs });
  await ip('netns', 'add', name);
  const remove = (): void => {
    spawnSync('ip', ['netns', 'delete', name]);
  };
  const forget = onProcessEnd(remove);
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'tuntap', 'add', tap, 'mode', 'tap');
  await ip('-n', name, 'addr', 'add', `${controlPlaneAddress}/24`, 'dev', tap);
  await ip('-n', name, 'link', 'set', tap, 'up');
  return {
    netns: `/run/netns/${name}`,
    tap,
    remove: () => {
      remove();
      forget();
    },
  };
}
