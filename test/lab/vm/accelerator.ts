import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { cacheFolder, digest } from '../setup/cache-folder.ts';
import { Machine } from './machine.ts';
import type { Accelerator, MachineModel } from './qemu-command.ts';
import { openRuntimeFolder } from './runtime-folder.ts';

const kvmBootTimeoutMs = 15_000;

/** Nested KVM may exist and still fail at the guest's first unusual instruction, so only a boot tells. */
async function bootsWithKvm(model: Omit<MachineModel, 'accelerator'>): Promise<boolean> {
  const runtime = openRuntimeFolder();
  try {
    const files = { folder: runtime.path, share: join(runtime.path, 'share') };
    const machine = await Machine.start({ ...model, accelerator: 'kvm' }, files, { bootTimeoutMs: kvmBootTimeoutMs });
    await machine.kill();
    return true;
  } catch {
    return false;
  } finally {
    runtime.remove();
  }
}

/** KVM where this machine really boots with it, else QEMU's own translation. The answer is kept in the cache. */
export async function chooseAccelerator(
  model: Omit<MachineModel, 'accelerator'>,
  progress: Progress,
): Promise<Accelerator> {
  if (!existsSync('/dev/kvm')) return 'tcg';
  const folder = join(cacheFolder(), 'accelerators');
  const cpu = /^model name.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '';
  const file = join(folder, digest(release(), cpu, ...Object.values(model.kit.packages)));
  if (existsSync(file)) return readFileSync(file, 'utf8') === 'kvm' ? 'kvm' : 'tcg';
  progress('trying whether the guest boots with KVM');
  const accelerator = (await bootsWithKvm(model)) ? 'kvm' : 'tcg';
  progress(accelerator === 'kvm' ? 'it does' : 'it does not; the CPU will be emulated');
  mkdirSync(folder, { recursive: true });
  writeFileSync(file, accelerator);
  return accelerator;
}
