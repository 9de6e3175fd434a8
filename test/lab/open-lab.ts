import process from 'node:process';
import { type BootOptions, bootLab } from './emulated-lab.ts';
import { openHardwareLab } from './hardware-lab.ts';
import type { Lab } from './lab.ts';
import { LabError } from './lab-error.ts';

/**
 * The lab that tests use: the emulated node, or, with LAB=hardware and PF=NAME in the environment, that PF of this
 * machine. Both have to be set, so that no variable left behind makes tests touch a real network card.
 */
export async function openLab(options: BootOptions = {}): Promise<Lab> {
  const lab = process.env['LAB'] ?? 'emulated';
  if (lab === 'emulated') return bootLab(options);
  if (lab !== 'hardware') throw new LabError('refused', `LAB is ${lab}; it may be emulated or hardware`);
  const pf = process.env['PF'] ?? '';
  if (pf === '') throw new LabError('refused', 'LAB=hardware needs PF=NAME, the network card to use');
  return openHardwareLab(pf);
}
