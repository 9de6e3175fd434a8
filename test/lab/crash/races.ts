import process from 'node:process';
import type { RoundsRun } from '../../crash/rounds.ts';
import { suite } from '../../support/suite.ts';
import { nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';
import { labSite, runInLab } from './lab-site.ts';

const test = onSharedNode(suite('lab/crash/races'), { vfs: [7, 7] });

/** `npm run soak` takes 100. */
const rounds = Number(process.env['RACE_ROUNDS'] ?? 2);
/** Rounds of one command in the guest. */
const atOnce = 10;

test(`${rounds} rounds of ADD, CHECK and DEL of 14 VFs at the same time, from pod to pod, and GC beside them`, async (node, vfs) => {
  const site = labSite(node, nth(vfs, 0), 'on');
  const names = vfs.map((_, at) => `race${at}`);
  for (const name of names) await node.addPod(name);
  const { mac: _, ...conf } = node.conf({ ...site.conf, ipam: node.ipam('10.0.3.0/24') });
  for (let done = 0; done < rounds; done += atOnce) {
    const run: RoundsRun = {
      site,
      conf,
      vfs: vfs.map((vf) => vf.pciAddress),
      pods: names.map((name) => `/run/netns/${name}`),
      rounds: Math.min(atOnce, rounds - done),
    };
    const begin = performance.now();
    const said = await runInLab(node, 'rounds.ts', run);
    process.stdout.write(
      `${done + run.rounds} of ${rounds} (${((performance.now() - begin) / 1000).toFixed(0)} s): ${said}`,
    );
  }
  for (const name of names) await node.removePod(name);
});
