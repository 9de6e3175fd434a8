// Runs in the lab's guest: node soak.ts JSON (SoakRun) attaches, checks and detaches VFs, one after the other, and
// throws where anything is not as before in the end.
import { readdirSync } from 'node:fs';
import process from 'node:process';
import { expectPicture } from './kill.ts';
import { Site, type SiteOptions } from './site.ts';

export interface SoakRun {
  readonly site: SiteOptions;
  /** PCI addresses of the VFs to take turns. */
  readonly vfs: readonly string[];
  readonly cycles: number;
}

/** Processes, and descriptors that they have open. */
function countOpen(): string {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  const programs = pids.map(descriptorsOf).filter((count) => count > 0);
  return `${programs.length} processes with ${programs.reduce((sum, count) => sum + count, 0)} descriptors`;
}

function descriptorsOf(pid: string): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

function cycle(site: Site, deviceID: string | undefined): void {
  const conf = { ...site.options.conf, deviceID };
  const { stdout } = site.succeed('ADD', 0, conf);
  const checked = { ...conf, prevResult: JSON.parse(stdout) as unknown };
  site.succeed('CHECK', 0, checked);
  site.succeed('DEL', 0, checked);
}

function soak({ site: options, vfs, cycles }: SoakRun): void {
  const site = new Site(options);
  cycle(site, vfs[0]);
  const [before, openBefore] = [site.picture(), countOpen()];
  for (let at = 0; at < cycles; at++) cycle(site, vfs[at % vfs.length]);
  expectPicture(site, before, `after ${cycles} cycles`);
  const open = countOpen();
  if (open !== openBefore) throw new Error(`after ${cycles} cycles ${open} are there, where ${openBefore} were`);
}

soak(JSON.parse(process.argv[2] ?? '') as SoakRun);
