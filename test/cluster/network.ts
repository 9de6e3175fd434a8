import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import process from 'node:process';
import { runChecked } from '../lab/child.ts';
import { onProcessEnd } from '../lab/process-end.ts';

const timeoutMs = 10_000;

/** The control plane's, in its namespace. */
export const controlPlaneAddress = '192.168.76.1';

/** A network namespace of this machine, for the control plane. */
export interface ClusterNetwork {
  /** Path of the namespace. */
  readonly netns: string;
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
  const ip = (...args: readonly string[]): Promise<unknown> => runChecked(['ip', ...args], { timeoutMs });
  await ip('netns', 'add', name);
  const remove = (): void => {
    spawnSync('ip', ['netns', 'delete', name]);
  };
  const forget = onProcessEnd(remove);
  await ip('-n', name, 'link', 'set', 'lo', 'up');
  await ip('-n', name, 'addr', 'add', `${controlPlaneAddress}/32`, 'dev', 'lo');
  return {
    netns: `/run/netns/${name}`,
    remove: () => {
      remove();
      forget();
    },
  };
}
