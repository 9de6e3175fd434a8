import { join } from 'node:path';
import { readCapture } from './capture-file.ts';
import type { BackgroundCommand, CommandResult, RunOptions, StartOptions } from './command.ts';
import type { Capture, Lab, VirtualFunction } from './lab.ts';
import { LabError } from './lab-error.ts';
import { elapsed, type Progress, reportToStderr } from './progress.ts';
import { buildInitramfs, guestPfs } from './setup/initramfs.ts';
import { provision } from './setup/provision.ts';
import { createVfs } from './virtual-functions.ts';
import { type AcceleratorChoice, chooseAccelerator } from './vm/accelerator.ts';
import type { GuestRunOptions } from './vm/lab-guest.ts';
import { Machine } from './vm/machine.ts';
import { type MachineFiles, type MachineModel, terminalCount, terminalSocketName } from './vm/qemu-command.ts';
import { openRuntimeFolder, type RuntimeFolder } from './vm/runtime-folder.ts';
import { dropSnapshot, provideSnapshot } from './vm/snapshot.ts';

export interface BootOptions {
  /** True to boot instead of restoring a snapshot. */
  readonly fresh?: boolean;
  /** True for an emulated IOMMU, with which VFs can be bound to vfio-pci. */
  readonly iommu?: boolean;
  /** A folder for the share, which stays when the lab ends. Without it the share is a temporary folder. */
  readonly state?: string;
  /** More hardware of the machine. */
  readonly hardware?: Pick<MachineModel, 'memoryMib' | 'uplink' | 'disk'>;
  readonly progress?: Progress;
}

export interface TerminalSize {
  readonly rows: number;
  readonly columns: number;
  /** The value of TERM. */
  readonly type: string;
}

/** A terminal of the guest's, kept for one person. */
export interface GuestTerminal {
  /** Carries what is typed and shown. Output is lost while nobody is connected. */
  readonly socket: string;
  /** Starts a shell on it; when that ends, `endMark` is shown. */
  startShell(size: TerminalSize, endMark: string): Promise<void>;
  /** Ends the shell, if it still runs, and what it runs, and frees the terminal. */
  close(): Promise<void>;
}

const restoreTimeoutMs = 120_000;

interface Choice {
  readonly model: MachineModel;
  /** What kind of CPU the guest has, in words for a person. */
  readonly cpu: string;
}

function describeCpu({ reason }: AcceleratorChoice): string {
  return reason === undefined ? 'with KVM' : `with an emulated CPU, which is many times slower: ${reason}`;
}

async function chooseModel(options: BootOptions, progress: Progress): Promise<Choice> {
  const kit = await provision(progress);
  const model = { kit, initramfs: buildInitramfs(kit), iommu: options.iommu === true, ...options.hardware };
  const choice = await chooseAccelerator(model, progress);
  return { model: { ...model, accelerator: choice.accelerator }, cpu: describeCpu(choice) };
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
  const machine = await Machine.bootCold(model, files, progress);
  await machine.guest.enter();
  return machine;
}

/** The lab in QEMU; made by `bootLab`. */
export class EmulatedLab implements Lab {
  readonly kind = 'emulated';
  readonly pfs = guestPfs;
  readonly share: Lab['share'];
  /** If true, everything takes many times longer. */
  readonly isCpuEmulated: boolean;
  readonly #runtime: RuntimeFolder;
  readonly #start: () => Promise<Machine>;
  #machine: Machine;
  #captures = 0;
  readonly #openTerminals = new Set<number>();

  constructor(
    runtime: RuntimeFolder,
    share: string,
    isCpuEmulated: boolean,
    machine: Machine,
    start: () => Promise<Machine>,
  ) {
    this.#runtime = runtime;
    this.isCpuEmulated = isCpuEmulated;
    this.share = { host: share, guest: '/share' };
    this.#machine = machine;
    this.#start = start;
  }

  run(argv: readonly string[], options?: GuestRunOptions): Promise<CommandResult> {
    return this.#machine.guest.run(argv, options);
  }

  sh(script: string, options?: RunOptions): Promise<CommandResult> {
    return this.#machine.guest.sh(script, options);
  }

  start(argv: readonly string[], options?: StartOptions): Promise<BackgroundCommand> {
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

  /** Takes one of the guest's terminals. Throws where all are taken. */
  openTerminal(): GuestTerminal {
    const index = Array.from({ length: terminalCount }).findIndex((_, at) => !this.#openTerminals.has(at));
    if (index === -1) throw new LabError('refused', `${terminalCount} prompts are open, which is all that the lab has`);
    this.#openTerminals.add(index);
    const device = `/dev/hvc${index}`;
    const shell = `/run/lab/shell${index}`;
    return {
      socket: join(this.#runtime.path, terminalSocketName(index)),
      startShell: (size, endMark) => this.#startShell(device, shell, size, endMark),
      close: async () => {
        // The shell's end removes the file.
        const end = `[ ! -e ${shell} ] || kill -HUP "$(cat ${shell})"; while [ -e ${shell} ]; do sleep 0.02; done`;
        await this.sh(end);
        this.#openTerminals.delete(index);
      },
    };
  }

  /** `pidFile` is there while the shell runs. */
  async #startShell(device: string, pidFile: string, size: TerminalSize, endMark: string): Promise<void> {
    const script = `stty -F ${device} sane rows ${size.rows} cols ${size.columns}
      setsid -c -w sh -c 'echo $$ >${pidFile}; exec bash --norc -i' <${device} >${device} 2>&1
      rm -f ${pidFile}
      printf %s '${endMark}' >${device}`;
    const env = { TERM: size.type, PS1: '[lab] \\w# ' };
    await this.start(['sh', '-c', script], { env });
    await this.sh(`until [ -s ${pidFile} ]; do sleep 0.02; done`);
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

/** Starts an emulated node with two SR-IOV network cards. The first time on this machine it sets everything up. */
export async function bootLab(options: BootOptions = {}): Promise<EmulatedLab> {
  const progress = options.progress ?? reportToStderr;
  const { model, cpu } = await chooseModel(options, progress);
  const runtime = openRuntimeFolder();
  const share = options.state ?? join(runtime.path, 'share');
  const files = { folder: runtime.path, share };
  const start = (): Promise<Machine> => startMachine(model, files, options.fresh === true, progress);
  const begin = performance.now();
  try {
    const machine = await start();
    progress(`guest ready in ${elapsed(begin)}, ${model.iommu ? 'with an IOMMU, ' : ''}${cpu}`);
    return new EmulatedLab(runtime, share, model.accelerator === 'tcg', machine, start);
  } catch (error) {
    runtime.remove();
    throw error;
  }
}
