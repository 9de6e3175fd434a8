// Holds a lab for the command line until it is told to end it, or (--for-prompt) nobody uses it after a prompt. Started
// by client.ts.
import { rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { bootLab, type EmulatedLab } from '../emulated-lab.ts';
import { onProcessEnd } from '../process-end.ts';
import { type HolderNotice, type LabReply, type LabRequest, labSocket } from './protocol.ts';

const commandTimeoutMs = 24 * 3_600_000;
/** A client that started a lab for a prompt has to open the prompt so soon: it may have been killed. */
const firstPromptMs = 120_000;

function notify(notice: HolderNotice): void {
  process.send?.(notice);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

interface Client {
  say(reply: LabReply): void;
  /** Undefined when the client has ended its side. */
  nextLine(): Promise<string | undefined>;
  /** Aborted when the client has ended its side. */
  readonly gone: AbortSignal;
}

/** Serves the clients of one lab. */
class Holder {
  readonly #lab: EmulatedLab;
  readonly #endsWithPrompts: boolean;
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => {
    this.#serve(socket).catch(() => socket.destroy());
  });
  /** How many prompts and commands run. */
  #users = 0;
  #hadPrompt = false;
  #hasEnded = false;

  constructor(lab: EmulatedLab, endsWithPrompts: boolean) {
    this.#lab = lab;
    this.#endsWithPrompts = endsWithPrompts;
  }

  /** Begins. The caller has the lock, so a socket that is there is one that a killed holder has left. */
  async listen(): Promise<void> {
    rmSync(labSocket, { force: true });
    onProcessEnd(() => rmSync(labSocket, { force: true }));
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(labSocket, resolve);
    });
    if (this.#endsWithPrompts) setTimeout(() => !this.#hadPrompt && this.#end(), firstPromptMs).unref();
  }

  async #serve(socket: Socket): Promise<void> {
    // Clients may go away early.
    socket.on('error', () => undefined);
    const gone = new AbortController();
    socket.once('close', () => gone.abort());
    socket.once('end', () => gone.abort());
    const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
    const nextLine = async (): Promise<string | undefined> => {
      const { value, done } = await lines.next();
      return done === true ? undefined : value;
    };
    const request = await nextLine();
    if (request !== undefined) {
      const say = (reply: LabReply): void => {
        socket.write(`${JSON.stringify(reply)}\n`);
      };
      await this.#perform(JSON.parse(request), { say, nextLine, gone: gone.signal }).catch((error) =>
        say({ kind: 'failed', message: messageOf(error) }),
      );
      await this.#endUnlessUsed();
    }
    socket.end();
  }

  async #perform(request: LabRequest, client: Client): Promise<void> {
    switch (request.kind) {
      case 'run':
        client.say(await this.#whileUsed(() => this.#run(request, client.gone)));
        return;
      case 'terminal':
        this.#hadPrompt = true;
        await this.#whileUsed(() => this.#prompt(request, client));
        client.say({ kind: 'closed', ended: await this.#endUnlessUsed() });
        return;
      case 'down':
        await this.#end();
        client.say({ kind: 'done' });
    }
  }

  async #prompt(
    { size, endMark }: LabRequest & { readonly kind: 'terminal' },
    { say, nextLine }: Client,
  ): Promise<void> {
    const terminal = this.#lab.openTerminal();
    say({ kind: 'terminal', socket: terminal.socket });
    if ((await nextLine()) !== undefined) {
      await terminal.startShell(size, endMark);
      await nextLine();
    }
    await terminal.close();
  }

  async #run({ argv, stdinBase64 = '' }: LabRequest & { readonly kind: 'run' }, gone: AbortSignal): Promise<LabReply> {
    const stdin = Buffer.from(stdinBase64, 'base64');
    const ran = await this.#lab.run(argv, { stdin, timeoutMs: commandTimeoutMs, signal: gone });
    const { status, stdoutBytes, stderr } = ran;
    return { kind: 'ran', status, stdoutBase64: stdoutBytes.toString('base64'), stderr };
  }

  async #whileUsed<T>(use: () => Promise<T>): Promise<T> {
    this.#users++;
    try {
      return await use();
    } finally {
      this.#users--;
    }
  }

  async #endUnlessUsed(): Promise<boolean> {
    if (!this.#endsWithPrompts || !this.#hadPrompt || this.#users > 0) return this.#hasEnded;
    await this.#end();
    return true;
  }

  async #end(): Promise<void> {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    await this.#lab.shutdown();
    this.#server.close();
    rmSync(labSocket, { force: true });
  }
}

const abandoned = (): void => {
  process.exit(1);
};
// The client that waits for the lab may be interrupted before it is ready.
process.on('disconnect', abandoned);
try {
  const args = process.argv.slice(2);
  const progress = (line: string): void => notify({ kind: 'progress', line });
  const lab = await bootLab({ iommu: args.includes('--iommu'), fresh: args.includes('--fresh'), progress });
  await new Holder(lab, args.includes('--for-prompt')).listen();
  process.off('disconnect', abandoned);
  notify({ kind: 'ready' });
} catch (error) {
  notify({ kind: 'failed', message: messageOf(error) });
  process.exitCode = 1;
}
process.disconnect?.();
