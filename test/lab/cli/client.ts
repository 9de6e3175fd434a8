import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { LabError } from '../lab-error.ts';
import type { Progress } from '../progress.ts';
import { type HolderNotice, type LabReply, type LabRequest, labLock, labSocket, lockedStatus } from './protocol.ts';

const retryMs = 200;

function tryConnect(): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ path: labSocket, allowHalfOpen: true });
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(undefined));
  });
}

/** Whether a lab runs that an earlier command of this checkout started. */
export async function isLabUp(): Promise<boolean> {
  const socket = await tryConnect();
  socket?.destroy();
  return socket !== undefined;
}

/** A request to the process that holds the lab, and its replies. */
export class LabConnection {
  readonly #socket: Socket;
  readonly #replies: AsyncIterator<string>;

  private constructor(socket: Socket, request: LabRequest) {
    this.#socket = socket;
    // A holder that ends closes the connection, and `reply` throws then.
    socket.on('error', () => undefined);
    this.#replies = createInterface({ input: socket })[Symbol.asyncIterator]();
    socket.write(`${JSON.stringify(request)}\n`);
  }

  /** Throws where no lab runs. */
  static async open(request: LabRequest): Promise<LabConnection> {
    const socket = await tryConnect();
    if (socket === undefined) throw new LabError('guest', 'no lab runs');
    return new LabConnection(socket, request);
  }

  /** Throws where the holder failed to do what was asked, or has ended. */
  async reply(): Promise<LabReply> {
    const { value, done } = await this.#replies.next();
    if (done === true) throw new LabError('guest', 'the lab has ended');
    const reply = JSON.parse(value) as LabReply;
    if (reply.kind === 'failed') throw new LabError('guest', reply.message);
    return reply;
  }

  /** Tells the holder that the terminal is joined. */
  join(): void {
    this.#socket.write('\n');
  }

  end(): void {
    this.#socket.end();
  }
}

/** Sends one request to the process that holds the lab, and returns its reply. */
export async function askLab(request: LabRequest): Promise<LabReply> {
  const connection = await LabConnection.open(request);
  try {
    return await connection.reply();
  } finally {
    connection.end();
  }
}

/**
 * Starts a process that holds a lab, which outlives this one. False where another process starts or holds the
 * checkout's lab.
 */
function startHolder(args: readonly string[], progress: Progress): Promise<boolean> {
  mkdirSync(dirname(labLock), { recursive: true });
  const holder = [process.execPath, join(import.meta.dirname, 'holder.ts'), ...args];
  const lock = ['--nonblock', '--conflict-exit-code', String(lockedStatus), '--no-fork', labLock];
  const child = spawn('flock', [...lock, ...holder], { detached: true, stdio: ['ignore', 'ignore', 'ignore', 'ipc'] });
  return new Promise((resolve, reject) => {
    child.on('message', (notice: HolderNotice) => {
      if (notice.kind === 'progress') progress(notice.line);
      if (notice.kind === 'failed') reject(new LabError('boot', notice.message));
      if (notice.kind !== 'ready') return;
      child.unref();
      resolve(true);
    });
    child.on('error', (cause) => reject(new LabError('boot', `flock does not run: ${cause.message}`, { cause })));
    child.on('exit', (code, signal) => {
      if (code === lockedStatus) resolve(false);
      else reject(new LabError('boot', `the lab ended with ${signal ?? code}`));
    });
  });
}

/**
 * Starts the checkout's lab unless it runs. Waits where somebody else is starting it. Returns whether this call started
 * it.
 */
export async function ensureLab(args: readonly string[], progress: Progress): Promise<boolean> {
  for (let isFirst = true; ; isFirst = false) {
    if (await isLabUp()) return false;
    if (await startHolder(args, progress)) return true;
    if (isFirst) progress('another command is starting the lab of this checkout; waiting for it');
    await new Promise((resolve) => setTimeout(resolve, retryMs));
  }
}
