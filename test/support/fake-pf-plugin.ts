// The plugin from source, on the real kernel, with a fake PF (FAKE_PF: see fake-pf.ts) and a fault (FAULT_KIND) at the
// call number FAULT_AT. FAULT_LOG is a file that gets a line for every call that changes something.
import { appendFileSync } from 'node:fs';
import process from 'node:process';
import { runMain } from '../../src/main.ts';
import { withFakePf } from './fake-pf.ts';
import { type FaultKind, withFault } from './faults.ts';
import { createNodePlatform } from './node-platform.ts';
import { sourceParts } from './source-parts.ts';

const { FAKE_PF, FAULT_AT, FAULT_KIND, FAULT_LOG } = process.env;
const real = createNodePlatform(process.env);
const withPf = FAKE_PF === undefined ? real : withFakePf(real, FAKE_PF);
const tell = (what: string): void => {
  if (FAULT_LOG !== undefined) appendFileSync(FAULT_LOG, `${what}\n`);
};
runMain(
  FAULT_AT === undefined ? withPf : withFault(withPf, (FAULT_KIND ?? 'error') as FaultKind, Number(FAULT_AT), tell),
  sourceParts,
);
