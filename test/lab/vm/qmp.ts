import type { Socket } from 'node:net';
import { LabError } from '../lab-error.ts';

const answerTimeoutMs = 60_000;
const pollMs = 20;

interface Waiting {
  readonly command: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
}

interface QmpMessage {
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

/** A client of the QEMU Machine Protocol; see qemu-qmp-ref(7). */
export class Qmp {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  #nextId = 1;
  #unfinishedLine = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => this.#read(text));
    socket.on('error', () => undefined);
    socket.on('close', () => this.#failAll());
  }

  static async open(socket: Socket): Promise<Qmp> {
    const qmp = new Qmp(socket);
    await qmp.execute('qmp_capabilities');
    return qmp;
  }

  execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new LabError('timeout', `QEMU did not answer ${command} in ${answerTimeoutMs} ms`));
      }, answerTimeoutMs);
      const settled = <T>(then: (value: T) => void) => {
        return (value: T): void => {
          clearTimeout(timer);
          this.#waiting.delete(id);
          then(value);
        };
      };
      this.#waiting.set(id, { command, resolve: settled(resolve), reject: settled(reject) });
      this.#socket.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
    });
  }

  /** Repeats a query until its `status` is no longer one of `passing`. Returns the last status. */
  async waitForStatus(query: string, passing: readonly string[], timeoutMs: number): Promise<string> {
    const end = performance.now() + timeoutMs;
    for (;;) {
      const { status } = (await this.execute(query)) as { readonly status?: string };
      if (status !== undefined && !passing.includes(status)) return status;
      if (performance.now() > end) throw new LabError('timeout', `${query} still says ${status} after ${timeoutMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }

  #read(text: string): void {
    const lines = (this.#unfinishedLine + text).split('\n');
    this.#unfinishedLine = lines.pop() ?? '';
    for (const line of lines) this.#receive(JSON.parse(line) as QmpMessage);
  }

  #receive(message: QmpMessage): void {
    const waiting = message.id === undefined ? undefined : this.#waiting.get(message.id);
    if (waiting === undefined) return;
    if (message.error === undefined) waiting.resolve(message.return);
    else waiting.reject(new LabError('boot', `QEMU refused ${waiting.command}: ${message.error.desc}`));
  }

  #failAll(): void {
    for (const waiting of this.#waiting.values()) {
      waiting.reject(new LabError('boot', `QEMU ended before it answered ${waiting.command}`));
    }
  }
}
