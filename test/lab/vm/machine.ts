import { join } from 'node:path';
import { LabError } from '../lab-error.ts';
import type { Progress } from '../progress.ts';
import { AgentPort } from './agent-port.ts';
import { LabGuest } from './lab-guest.ts';
import { type MachineFiles, type MachineModel, socketNames } from './qemu-command.ts';
import { QemuProcess } from './qemu-process.ts';
import { Qmp } from './qmp.ts';
import { connectUnix } from './unix-socket.ts';

export interface MachineOptions {
  /** A snapshot of a machine of the same model, which is restored. */
  readonly snapshot?: string;
  /** How long the guest may take until its agent answers. */
  readonly bootTimeoutMs: number;
}

/** A cold boot takes 6 s where the CPU is emulated; slow machines get room, with each attempt more. */
const coldBootTimeoutsMs = [90_000, 180_000, 300_000];
const socketTimeoutMs = 60_000;
const incomingTimeoutMs = 120_000;

/** A running machine. Its guest's agent answers, but has nothing of the host mounted yet. */
export class Machine {
  readonly qmp: Qmp;
  readonly guest: LabGuest;
  readonly files: MachineFiles;
  readonly #process: QemuProcess;

  private constructor(process: QemuProcess, files: MachineFiles, qmp: Qmp, guest: LabGuest) {
    this.#process = process;
    this.files = files;
    this.qmp = qmp;
    this.guest = guest;
  }

  /** Boots the machine, or restores it. Nothing is left running when that fails. */
  static async start(model: MachineModel, files: MachineFiles, options: MachineOptions): Promise<Machine> {
    const incoming = options.snapshot === undefined ? [] : ['-incoming', `file:${options.snapshot}`];
    const qemu = QemuProcess.start(model, files, incoming);
    try {
      const machine = await Machine.#connect(qemu, files);
      if (options.snapshot !== undefined) await machine.#resume();
      await machine.guest.greet(options.bootTimeoutMs);
      return machine;
    } catch (cause) {
      const lastWords = qemu.lastWords();
      await qemu.kill();
      throw new LabError('boot', `the machine did not start: ${String(cause)}\n${lastWords}`, { cause });
    }
  }

  /**
   * Boots the machine, and again where it hangs: a guest whose CPUs are emulated has lost the timer of one of them
   * while its host was busy.
   */
  static async bootCold(model: MachineModel, files: MachineFiles, progress: Progress): Promise<Machine> {
    for (const [at, bootTimeoutMs] of coldBootTimeoutsMs.entries()) {
      try {
        return await Machine.start(model, files, { bootTimeoutMs });
      } catch (thrown) {
        if (at === coldBootTimeoutsMs.length - 1) throw thrown;
        progress(`booting once more: ${String(thrown)}`);
      }
    }
    throw new Error('no attempt was made');
  }

  static async #connect(qemu: QemuProcess, files: MachineFiles): Promise<Machine> {
    const end = performance.now() + socketTimeoutMs;
    const gaveUp = (): string | undefined =>
      qemu.exit ?? (performance.now() > end ? 'QEMU opened no sockets in time' : undefined);
    const open = (name: keyof typeof socketNames) => connectUnix(join(files.folder, socketNames[name]), gaveUp);
    const qmp = await Qmp.open(await open('qmp'));
    const guest = new LabGuest(new AgentPort(await open('agent')), new AgentPort(await open('control')));
    return new Machine(qemu, files, qmp, guest);
  }

  async #resume(): Promise<void> {
    await this.qmp.waitForStatus('query-status', ['inmigrate'], incomingTimeoutMs);
    await this.qmp.execute('cont');
  }

  /** Ends QEMU at once, as when the plug is pulled. */
  async kill(): Promise<void> {
    await this.#process.kill();
  }
}
