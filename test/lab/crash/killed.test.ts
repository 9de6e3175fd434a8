import { isFull } from '../../crash/extent.ts';
import type { LabRun, LabRunOutcome } from '../../crash/in-lab.ts';
import { report, reportMeasured } from '../../crash/report.ts';
import { assert, suite } from '../../support/suite.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';
import { labSite, runInLab } from './lab-site.ts';

const test = onSharedNode(suite('lab/crash/killed'), { vfs: [2] });

/** Runs it in pieces, because the whole takes longer than a command in the lab may. */
async function tryOut(node: LabNode, run: Omit<LabRun, 'first'>, pieces = 1): Promise<void> {
  for (let first = 0; first < pieces; first++) {
    const piece: LabRun = { ...run, step: run.step * pieces, first };
    const outcome = JSON.parse(await runInLab(node, 'in-lab.ts', piece)) as LabRunOutcome;
    reportMeasured(outcome.summary);
    report(outcome.failures);
    assert.ok(outcome.tried > 0, outcome.summary);
  }
}

for (const verb of ['ADD', 'DEL'] as const) {
  for (const [next, step] of [
    ['DEL', 15],
    ['GC', 35],
    ['next pod', 35],
  ] as const) {
    test(`${verb} killed at the system calls that change something, then ${next}`, async (node, vfs) => {
      for (const trust of isFull && next === 'DEL' ? (['on', 'off'] as const) : (['off'] as const)) {
        await tryOut(
          node,
          { site: labSite(node, nth(vfs, 0), trust), verb, next, step: isFull ? 1 : step },
          isFull ? 4 : 1,
        );
      }
    });
  }
}

for (const verb of ['ADD', 'DEL'] as const) {
  test(`${verb}: the system calls that change something fail`, async (node, vfs) => {
    await tryOut(
      node,
      { site: labSite(node, nth(vfs, 0), 'off'), verb, next: 'errors', step: isFull ? 1 : 150 },
      isFull ? 8 : 1,
    );
  });
}
