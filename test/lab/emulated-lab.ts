import { join } from 'node:path';
import { readCapture } from './capture-file.ts';
import type { BackgroundCommand, CommandResult, RunOptions } from './command.ts';
import type { Capture, Lab, VirtualFunction } from './lab.ts';
import { LabError } from './lab-error.ts';
import { elapsed, type Progress, reportToStderr } from './progress.ts';
import { buildInitramfs, guestPfs } from './setup/initramfs.ts';
import { provision } from './setup/provision.ts';
import { createVfs } from './virtual-functions.ts';
import { chooseAccelerator } from './vm/accelerator.ts';
import { Machine } from './vm/machine.ts';
import { type MachineFiles, type MachineModel, socketNames } from './vm/qemu-command.ts';
import { openRuntimeFolder, type RuntimeFolder } from './vm/runtime-folder.ts';
import { coldBootTimeoutMs, dropSnapshot, provideSnapshot } from './vm/snapshot.ts';

export interface BootOptions {
  /** Boots cold instead of going on from a snapshot. */
  readonly fresh?: boolean;
  /** With an emulated IOMMU, so that VFs can be bound to vfio-pci. */
  readonly iommu?: boolean;
  /** A folder for the share, which stays when the lab ends. Without it the share is a temporary folder. */
  readonly state?: string;
  readonly progress?: Progress;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
  /** As in TERM. */
  readonly type: string;
}

const terminalDevice = '/dev/hvc0';
const restoreTimeoutMs = 30_000;

async function chooseModel(options: BootOptions, progress: Progress): Promise<MachineModel> {
  const kit = await provision(progress);
  const model = { kit, initramfs: buildInitramfs(kit), iommu: options.iommu === true };
  return { ...model, accelerator: await chooseAccelerator(model, progress) };
}

async function restore(model: MachineModel, files: MachineFiles, progress: Progress): Promise<Machine | undefined> {
  const snapshot = await provideSnapshot(model, progress);
  try {
    const machine = await Machine.start(model, files, { snapshot, bootTimeoutMs: restoreTimeoutMs });
    await machine.guest.enter();
    return machine;
  } catch (error) {
    progress(`the snapshot does not restore, booting cold instead: ${String(error)}`);
    dropSnapshot(snapshot);
    return undefined;
  }
}

async function startMachine(
  model: MachineModel,
  files: MachineFiles,
  fresh: boolean,
  progress: Progress,
): Promise<Machine> {
  const restored = fresh ? undefined : await restore(model, files, progress);
  if (restored !== undefined) return restored;
  const machine = await Machine.start(model, files, { bootTimeoutMs: coldBootTimeoutMs });
  await machine.guest.enter();
  return machine;
}

/** The lab in QEMU; made by `bootLab`. */
export class EmulatedLab implements Lab {
  readonly kind = 'emulated';
  readonly pfs = guestPfs;
  readonly share: Lab['share'];
  readonly #runtime: RuntimeFolder;
  readonly #start: () => Promise<Machine>;
  #machine: Machine;
  #captures = 0;

  constructor(runtime: RuntimeFolder, share: string, machine: Machine, start: () => Promise<Machine>) {
    this.#runtime = runtime;
    this.share = { host: share, guest: '/share' };
    this.#machine = machine;
    this.#start = start;
  }

  run(argv: readonly string[], options?: RunOptions): Promise<CommandResult> {
    return this.#machine.guest.run(argv, options);
  }

  sh(script: string, options?: RunOptions): Promise<CommandResult> {
    return this.#machine.guest.sh(script, options);
  }

  start(argv: readonly string[], options?: RunOptions): Promise<BackgroundCommand> {
    return this.#machine.guest.start(argv, options);
  }

  createVfs(pf: string, count: number): Promise<readonly VirtualFunction[]> {
    return createVfs(this, pf, count, 'rename');
  }

  async capture(pf: string): Promise<Capture> {
    const index = this.pfs.findIndex(({ name }) => name === pf);
    if (index === -1) throw new LabError('unsupported', `the lab has no physical function ${pf}`);
    const id = `capture${this.#captures++}`;
    const file = join(this.#runtime.path, `${id}.pcap`);
    const { qmp } = this.#machine;
    await qmp.execute('object-add', { 'qom-type': 'filter-dump', id, netdev: `wire${index}`, file });
    return {
      file,
      stop: async () => {
        await qmp.execute('object-del', { id });
        return readCapture(file);
      },
    };
  }

  /**
   * Starts a shell on the guest's terminal. Returns the socket that carries what is typed and shown;
   * when the shell ends, `endMark` is shown.
   */
  async openTerminal(size: TerminalSize, endMark: string): Promise<string> {
    const script = `stty -F ${terminalDevice} sane rows ${size.rows} cols ${size.columns}
      setsid -c -w bash --norc -i <${terminalDevice} >${terminalDevice} 2>&1
      printf %s '${endMark}' >${terminalDevice}`;
    const env = { TERM: size.type, PS1: '[lab] \\w# ' };
    await this.start(['sh', '-c', script], { env });
    return join(this.#runtime.path, socketNames.terminal);
  }

  async reboot(): Promise<void> {
    await this.#machine.kill();
    this.#machine = await this.#start();
  }

  async shutdown(): Promise<void> {
    await this.#machine.kill();
    this.#runtime.remove();
  }
}

/** Starts an emulated node with two SR-IOV network cards; sets everything up when this machine has nothing yet. */
export async function bootLab(options: BootOptions = {}): Promise<EmulatedLab> {
  const progress = options.progress ?? reportToStderr;
  const model = await chooseModel(options, progress);
  const runtime = openRuntimeFolder();
  const share = options.state ?? join(runtime.path, 'share');
  const files = { folder: runtime.path, share };
  const start = (): Promise<Machine> => startMachine(model, files, options.fresh === true, progress);
  const begin = performance.now();
  try {
    const machine = await start();
    progress(`guest ready in ${elapsed(begin)} (${model.accelerator}${model.iommu ? ', IOMMU' : ''})`);
    return new EmulatedLab(runtime, share, machine, start);
  } catch (error) {
    runtime.remove();
    throw error;
  }
}
