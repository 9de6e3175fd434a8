import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { onProcessEnd } from '../process-end.ts';
import { kitPath } from '../setup/kit.ts';
import { consoleLogName, type MachineFiles, type MachineModel, qemuArguments } from './qemu-command.ts';

const errorLogName = 'qemu.log';
const lastBytes = 2000;

function tail(file: string): string {
  return existsSync(file) ? readFileSync(file, 'utf8').slice(-lastBytes) : '';
}

/** A running QEMU; it ends with this process, however that ends. */
export class QemuProcess {
  readonly #child: ChildProcess;
  readonly #files: MachineFiles;
  readonly #ended: Promise<void>;
  readonly #forget: () => void;
  #exit: string | undefined;

  private constructor(child: ChildProcess, files: MachineFiles) {
    this.#child = child;
    this.#files = files;
    this.#forget = onProcessEnd(() => child.kill('SIGKILL'));
    this.#ended = new Promise((resolve) => {
      child.on('error', (error) => {
        this.#exit = String(error);
        resolve();
      });
      child.on('exit', (code, signal) => {
        this.#exit = `QEMU ended with ${signal ?? code}`;
        resolve();
      });
    });
  }

  static start(model: MachineModel, files: MachineFiles, extra: readonly string[]): QemuProcess {
    const { uplink } = model;
    const inNetns = uplink === undefined ? [] : ['nsenter', `--net=${uplink.netns}`, '--'];
    const argv = [...inNetns, kitPath.qemuBinary(model.kit), ...qemuArguments(model, files), ...extra];
    const log = openSync(join(files.folder, errorLogName), 'a');
    // With setpriv QEMU dies with this process also when that is killed and can't clean up.
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', ...argv], {
      env: { ...process.env, ...kitPath.qemuEnvironment(model.kit) },
      // QEMU isn't in the terminal's process group, so that Ctrl-C reaches only us, and we end QEMU in order.
      detached: true,
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    child.unref();
    return new QemuProcess(child, files);
  }

  /** Why it has ended; undefined while it runs. */
  get exit(): string | undefined {
    return this.#exit;
  }

  /** What QEMU and the guest's kernel said last, for error messages. */
  lastWords(): string {
    const { folder } = this.#files;
    return [tail(join(folder, errorLogName)), tail(join(folder, consoleLogName))].filter(Boolean).join('\n');
  }

  async kill(): Promise<void> {
    this.#child.ref();
    this.#child.kill('SIGKILL');
    await this.#ended;
    this.#forget();
  }
}
