import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { Progress } from '../progress.ts';
import { cacheFolder, digest } from '../setup/cache-folder.ts';
import { Machine } from './machine.ts';
import type { Accelerator, MachineModel } from './qemu-command.ts';
import { openRuntimeFolder } from './runtime-folder.ts';

const kvmBootTimeoutMs = 15_000;

/** The accelerator of the lab's CPU. */
export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** Why KVM isn't used; absent where it is. */
  readonly reason?: string;
}

/** The most telling line of what QEMU, the guest and the lab said about a boot that failed. */
function gist(error: unknown): string {
  const lines = String(error).split('\n').filter(Boolean);
  return (lines.find((line) => /kvm/i.test(line)) ?? lines[0] ?? '').trim();
}

/** Nested KVM may exist and still fail at the guest's first unusual instruction, so only a boot tells. */
async function tryKvm(model: Omit<MachineModel, 'accelerator'>): Promise<AcceleratorChoice> {
  const runtime = openRuntimeFolder();
  try {
    const files = { folder: runtime.path, share: join(runtime.path, 'share') };
    const machine = await Machine.start({ ...model, accelerator: 'kvm' }, files, { bootTimeoutMs: kvmBootTimeoutMs });
    await machine.kill();
    return { accelerator: 'kvm' };
  } catch (error) {
    return { accelerator: 'tcg', reason: `the guest does not boot with KVM here: ${gist(error)}` };
  } finally {
    runtime.remove();
  }
}

/** KVM where this machine really boots with it, else QEMU's own translation. The answer is kept in the cache. */
export async function chooseAccelerator(
  model: Omit<MachineModel, 'accelerator'>,
  progress: Progress,
): Promise<AcceleratorChoice> {
  if (!existsSync('/dev/kvm')) return { accelerator: 'tcg', reason: 'there is no /dev/kvm' };
  const folder = join(cacheFolder(), 'accelerators');
  const cpu = /^model name.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '';
  const name = digest(release(), cpu, ...Object.values(model.kit.packages));
  const file = join(folder, `${name}.json`);
  if (existsSync(file)) return JSON.parse(readFileSync(file, 'utf8')) as AcceleratorChoice;
  progress('trying whether the guest boots with KVM');
  const choice = await tryKvm(model);
  mkdirSync(folder, { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify(choice));
  renameSync(draft, file);
  return choice;
}
