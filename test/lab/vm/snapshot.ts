import { existsSync, mkdirSync, renameSync, rmSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { LabError } from '../lab-error.ts';
import { onProcessEnd } from '../process-end.ts';
import { elapsed, type Progress } from '../progress.ts';
import { cacheFolder, digest, dropAllButNewest } from '../setup/cache-folder.ts';
import { Machine } from './machine.ts';
import { type MachineModel, qemuArguments } from './qemu-command.ts';
import { openRuntimeFolder } from './runtime-folder.ts';

const saveTimeoutMs = 5 * 60_000;
const bytesPerSecond = 2 ** 34;
const snapshotsToKeep = 6;

function snapshotsFolder(): string {
  return join(cacheFolder(), 'snapshots');
}

/** Its name is made of all that has to be the same in the saved and in the restored machine. */
function snapshotFile(model: MachineModel): string {
  const argv = qemuArguments(model, { folder: '/run', share: '/share' });
  const packages = Object.entries(model.kit.packages).flat();
  return join(snapshotsFolder(), `${digest(...argv, ...packages)}.snapshot`);
}

async function save(machine: Machine, file: string): Promise<void> {
  await machine.qmp.execute('stop');
  await machine.qmp.execute('migrate-set-parameters', { 'max-bandwidth': bytesPerSecond });
  await machine.qmp.execute('migrate', { uri: `file:${file}` });
  const status = await machine.qmp.waitForStatus('query-migrate', ['none', 'setup', 'active', 'device'], saveTimeoutMs);
  if (status !== 'completed') throw new LabError('boot', `saving the machine ended with ${status}`);
}

async function create(model: MachineModel, file: string, progress: Progress): Promise<void> {
  const begin = performance.now();
  progress('booting once to take a snapshot');
  mkdirSync(snapshotsFolder(), { recursive: true });
  const draft = `${file}.${process.pid}`;
  const forget = onProcessEnd(() => rmSync(draft, { force: true }));
  const runtime = openRuntimeFolder();
  try {
    const files = { folder: runtime.path, share: join(runtime.path, 'share') };
    const machine = await Machine.bootCold(model, files, progress);
    try {
      await save(machine, draft);
    } finally {
      await machine.kill();
    }
    renameSync(draft, file);
    dropAllButNewest(snapshotsFolder(), snapshotsToKeep);
    progress(`snapshot taken in ${elapsed(begin)}`);
  } finally {
    rmSync(draft, { force: true });
    runtime.remove();
    forget();
  }
}

/**
 * Finds or takes the snapshot of a machine that has booted: both physical functions up with carrier, no virtual
 * functions, nothing of the host mounted.
 */
export async function provideSnapshot(model: MachineModel, progress: Progress): Promise<string> {
  const file = snapshotFile(model);
  if (!existsSync(file)) await create(model, file, progress);
  const now = new Date();
  utimesSync(file, now, now);
  return file;
}

export function dropSnapshot(file: string): void {
  rmSync(file, { force: true });
}
