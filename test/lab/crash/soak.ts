import process from 'node:process';
import type { SoakRun } from '../../crash/soak.ts';
import { suite } from '../../support/suite.ts';
import { nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';
import { labSite, runInLab } from './lab-site.ts';

const test = onSharedNode(suite('lab/crash/soak'), { vfs: [7] });

/** `npm run soak` takes 1000. */
const cycles = Number(process.env['SOAK_CYCLES'] ?? 14);
/** Cycles of one command in the guest. */
const atOnce = 100;

test(`${cycles} times ADD, CHECK and DEL on 7 VFs in turn: nothing grows, nothing is lost`, async (node, vfs) => {
  const site = labSite(node, nth(vfs, 0), 'off');
  for (let done = 0; done < cycles; done += atOnce) {
    const run: SoakRun = { site, vfs: vfs.map((vf) => vf.pciAddress), cycles: Math.min(atOnce, cycles - done) };
    const begin = performance.now();
    await runInLab(node, 'soak.ts', run);
    process.stdout.write(`${done + run.cycles} of ${cycles} (${((performance.now() - begin) / 1000).toFixed(0)} s)\n`);
  }
});
