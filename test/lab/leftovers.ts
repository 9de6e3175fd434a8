import { readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

const marker = 'dra-sriov-lab.';

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

/** QEMU processes and temporary folders that belong to labs of the process `owner`. */
export function findLeftovers(owner: number): readonly string[] {
  const mine = `${marker}${owner}.`;
  const processes = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && commandLine(name).includes(mine))
    .map((pid) => `process ${pid}`);
  const folders = readdirSync(tmpdir()).filter((name) => name.startsWith(mine));
  return [...processes, ...folders];
}
