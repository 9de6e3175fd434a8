import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { onProcessEnd } from '../process-end.ts';

const prefix = 'dra-sriov-lab';

/** Field 22 of /proc/PID/stat, by which a process is told from a later one with the same id. See proc(5). */
function startTime(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}

/** Removes folders whose owner was killed before it could do so. */
function removeAbandoned(): void {
  for (const name of readdirSync(tmpdir())) {
    const [first, pid = '', started] = name.split('.');
    if (first === prefix && startTime(Number(pid)) !== started) {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    }
  }
}

export interface RuntimeFolder {
  readonly path: string;
  remove(): void;
}

/** A folder for the sockets and files of one lab; it goes when this process ends, at the latest. */
export function openRuntimeFolder(): RuntimeFolder {
  removeAbandoned();
  const path = mkdtempSync(join(tmpdir(), `${prefix}.${process.pid}.${startTime(process.pid)}.`));
  mkdirSync(join(path, 'share'));
  const removeNow = (): void => {
    if (existsSync(path)) rmSync(path, { recursive: true, force: true });
  };
  const forget = onProcessEnd(removeNow);
  return {
    path,
    remove: () => {
      removeNow();
      forget();
    },
  };
}
