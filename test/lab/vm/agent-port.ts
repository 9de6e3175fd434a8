import type { Socket } from 'node:net';
import type { CommandResult } from '../command.ts';
import { LabError } from '../lab-error.ts';
import { AnswerReader } from './agent-answer.ts';

export interface AgentRequest {
  /** `child`: the words run as a process of their own; `here`: in the agent's shell. */
  readonly kind: 'child' | 'here';
  /** One line of shell. */
  readonly words: string;
  readonly stdin?: string | Uint8Array | undefined;
  readonly timeoutMs: number;
  /** When aborted, the request ends as if time were up. */
  readonly signal?: AbortSignal | undefined;
}

/** How long the agent has to report a command that was ended for taking too long. */
const graceMs = 60_000;

/** The host's end of a virtio-serial port served by guest/agent.sh. Requests wait for each other. */
export class AgentPort {
  readonly #socket: Socket;
  #queue: Promise<unknown> = Promise.resolve();
  #lastId = 0;
  #receive: ((chunk: Buffer) => void) | undefined;
  #broken: string | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#receive?.(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#broken ??= 'the guest is gone';
    });
  }

  /** Sends a request and waits for the answer. When time is up, `interrupt` has to make the agent answer. */
  request(request: AgentRequest, interrupt?: () => Promise<unknown>): Promise<CommandResult> {
    const answer = this.#queue.then(() => this.#exchange(request, interrupt));
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async #exchange(request: AgentRequest, interrupt?: () => Promise<unknown>): Promise<CommandResult> {
    if (this.#broken !== undefined) throw new LabError('guest', `can't run ${request.words}: ${this.#broken}`);
    const { timeoutMs, signal } = request;
    const isAborted = (): boolean => signal?.aborted ?? false;
    if (isAborted()) throw new LabError('command', `interrupted: ${request.words}`);
    const answer = this.#send(request);
    const inTime = await within(answer, timeoutMs, signal);
    if (inTime !== undefined) return inTime;
    await interrupt?.();
    const late = await within(answer, graceMs);
    if (late === undefined) this.#broken ??= 'its agent stopped answering';
    const said = late === undefined ? this.#broken : `${late.stdout}\n${late.stderr}`;
    const why = isAborted() ? 'interrupted' : `not done after ${timeoutMs} ms`;
    throw new LabError('timeout', `${why}: ${request.words}\n${said}`);
  }

  #send({ kind, words, stdin = '' }: AgentRequest): Promise<CommandResult> {
    const id = ++this.#lastId;
    const input = Buffer.from(stdin);
    const reader = new AnswerReader(id);
    return new Promise((resolve) => {
      this.#receive = (chunk) => {
        const answer = reader.push(chunk);
        if (answer !== undefined) resolve(answer);
      };
      // The empty line ends a request that an interrupted sender may have left incomplete.
      this.#socket.write(`\n${id} ${kind} ${input.length} ${words}\n`);
      this.#socket.write(input);
    });
  }
}

/** The timer also keeps this process alive while it waits. */
function within<T>(promise: Promise<T>, timeoutMs: number, signal?: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    const giveUp = (): void => resolve(undefined);
    const timer = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener('abort', giveUp);
    promise.then(resolve, reject).finally(() => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
    });
  });
}
