import type { ChildProcess, SpawnOptions } from 'node:child_process';
import { accessSync, closeSync, constants, readSync, writeSync } from 'node:fs';
import process from 'node:process';
import { errno, failureOf } from '../../lib/system-error.ts';
import type { EndedProcess, Os } from '../os.ts';
import type { ProcessRequest } from '../platform.ts';
import { callLibc, isErrno, LibcError, tryLibc } from './libc.ts';
import { heldLockFds } from './lock.ts';
import { monotonicMs, POLLIN, POLLOUT, poll } from './waiting.ts';

// Node's spawnSync kills a child that writes too much to stderr, and waits for whoever holds its output. So Node's
// spawn starts the child at once, and the code here serves its pipes and its end, because Node's event loop doesn't
// run.

/** Limit of stdout; a longer answer is refused. */
const maxOutputBytes = 4 * 1024 * 1024;
/** Limit of stderr; the rest is dropped. */
const maxStderrBytes = 64 * 1024;
/** A child that has ended has written all its output. Another process that holds it open is waited for so long. */
const graceMs = 100;
/** Interval of looks at a child if the kernel has no pidfd (before 5.3). */
const lookAgainMs = 5;
const chunkBytes = 64 * 1024;
const chunksATurn = 16;

// bits/fcntl-linux.h, asm-generic/ioctls.h
const O_CLOEXEC = 0o2000000;
const FIONBIO = 0x5421n;

// linux/wait.h, asm-generic/siginfo.h
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x01000000;
const siginfoBytes = 128;
/** asm-generic/unistd.h; the same on x86-64 */
const SYS_pidfd_open = 434n;

/** The child leads its own group, so whatever it has started and left behind is killed, too. */
function killGroup(pid: number): void {
  // kill(-1) would reach every process of the node, kill(0) our own group.
  if (!Number.isInteger(pid) || pid <= 1) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (thrown) {
    if (!isErrno(thrown, errno.ESRCH)) throw thrown;
  }
}

interface Pipe {
  /** Our descriptor and the child's; the child's is blocking, ours is not. */
  readonly ours: number;
  readonly childs: number;
}

function makePipe(weWrite: boolean): Pipe {
  const fds = Buffer.alloc(8);
  callLibc((libc) => libc.pipe2(fds, O_CLOEXEC));
  const [read, write] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  const pipe = weWrite ? { ours: write, childs: read } : { ours: read, childs: write };
  const on = Buffer.from([1, 0, 0, 0]);
  callLibc((libc) => libc.ioctl(pipe.ours, FIONBIO, on));
  return pipe;
}

/** A descriptor of ours; `fd` is null if it is closed. */
class OurEnd {
  fd: number | null;

  constructor(fd: number | null) {
    this.fd = fd;
  }

  close(): void {
    if (this.fd !== null) closeSync(this.fd);
    this.fd = null;
  }
}

/** What the child reads. */
class Input extends OurEnd {
  readonly #bytes: Buffer;
  #written = 0;

  constructor(fd: number, text: string) {
    super(fd);
    this.#bytes = Buffer.from(text);
  }

  /** Writes what fits into the pipe without waiting, and closes it after the last byte. */
  feed(): void {
    while (this.fd !== null && this.#written < this.#bytes.length) {
      try {
        this.#written += writeSync(this.fd, this.#bytes, this.#written);
      } catch (thrown) {
        if (isErrno(thrown, errno.EAGAIN)) return;
        if (failureOf(thrown) === null) throw thrown;
        // EPIPE: the child has ended, or doesn't read its input, which it need not.
        break;
      }
    }
    this.close();
  }
}

/** What the child writes. */
class Output extends OurEnd {
  readonly #limitBytes: number;
  readonly #drops: boolean;
  readonly #chunks: Buffer[] = [];
  #size = 0;

  constructor(fd: number, limitBytes: number, drops: boolean) {
    super(fd);
    this.#limitBytes = limitBytes;
    this.#drops = drops;
  }

  /** Reads what is there without waiting, but not for ever if somebody writes faster than this reads. */
  drain(): void {
    for (let turn = 0; this.fd !== null && turn < chunksATurn; turn++) {
      const chunk = Buffer.allocUnsafe(chunkBytes);
      const count = readNow(this.fd, chunk);
      if (count === null) return;
      if (count === 0) this.close();
      this.#keep(chunk.subarray(0, count));
    }
  }

  #keep(bytes: Buffer): void {
    const room = this.#limitBytes - this.#size;
    if (bytes.length > room && !this.#drops) {
      throw new LibcError(errno.EOVERFLOW, `it wrote more than ${this.#limitBytes} bytes; it was killed`);
    }
    const kept = bytes.subarray(0, room);
    this.#size += kept.length;
    if (kept.length > 0) this.#chunks.push(kept);
  }

  text(): string {
    return Buffer.concat(this.#chunks, this.#size).toString('utf8');
  }
}

/** Null if there is nothing yet. */
function readNow(fd: number, into: Buffer): number | null {
  try {
    return readSync(fd, into, 0, into.length, null);
  } catch (thrown) {
    if (isErrno(thrown, errno.EAGAIN)) return null;
    throw thrown;
  }
}

/** Why a program couldn't be started: Node's `error` event would come too late. */
function whyNot(path: string): unknown {
  try {
    accessSync(path, constants.X_OK);
  } catch (thrown) {
    return thrown;
  }
  return new LibcError(errno.EACCES);
}

function spawnChild({ path, args, env }: ProcessRequest, stdio: readonly number[]): number {
  const options: SpawnOptions = { env: { ...env }, detached: true, stdio: [...stdio, ...heldLockFds()] };
  // Loaded at run time, because node:child_process costs 3 ms and most runs have no child.
  const { spawn } = process.getBuiltinModule('node:child_process');
  const child: ChildProcess = spawn(path, args, options);
  child.once('error', () => undefined);
  child.unref();
  if (child.pid === undefined) throw whyNot(path);
  return child.pid;
}

class Child {
  readonly #pid: number;
  readonly #pidfd: OurEnd;
  readonly #stdin: Input;
  readonly #stdout: Output;
  readonly #stderr: Output;
  #deadlineMs: number;

  constructor(request: ProcessRequest) {
    if (!request.path.startsWith('/')) throw new LibcError(errno.EINVAL, 'not an absolute path');
    this.#deadlineMs = monotonicMs() + request.timeoutMs;
    const pipes = [true, false, false].map(makePipe);
    const [stdin = -1, stdout = -1, stderr = -1] = pipes.map(({ ours }) => ours);
    this.#stdin = new Input(stdin, request.stdin);
    this.#stdout = new Output(stdout, maxOutputBytes, false);
    this.#stderr = new Output(stderr, maxStderrBytes, true);
    const childs = pipes.map((pipe) => pipe.childs);
    try {
      this.#pid = spawnChild(request, childs);
    } catch (thrown) {
      for (const { ours } of pipes) closeSync(ours);
      throw thrown;
    } finally {
      for (const fd of childs) closeSync(fd);
    }
    const pid = BigInt(this.#pid);
    const pidfd = tryLibc((libc) => libc.syscall(SYS_pidfd_open, pid, 0n));
    this.#pidfd = new OurEnd(pidfd < 0 ? null : pidfd);
    this.#stdin.feed();
  }

  wait(): EndedProcess {
    try {
      const timedOut = this.#runToEnd();
      if (timedOut) this.#kill();
      const status = this.#reap();
      if (timedOut) this.#drain();
      const [code, signal] = [(status >> 8) & 0xff, status & 0x7f];
      const how = signal === 0 ? ([code, undefined] as const) : ([undefined, signal] as const);
      return [...how, timedOut, this.#stdout.text(), this.#stderr.text()];
    } finally {
      this.#close();
    }
  }

  /** True if the limit passed before the child had ended. Nobody waits for what it has started and left behind. */
  #runToEnd(): boolean {
    try {
      let wasAlive = true;
      for (;;) {
        const exited = this.#hasExited();
        if (exited && wasAlive) this.#deadlineMs = Math.min(this.#deadlineMs, monotonicMs() + graceMs);
        wasAlive = !exited;
        this.#stdin.feed();
        this.#drain();
        if (exited && this.#stdout.fd === null && this.#stderr.fd === null) return false;
        if (monotonicMs() >= this.#deadlineMs) return !exited;
        this.#poll(exited);
      }
    } catch (thrown) {
      this.#kill();
      this.#reap();
      throw thrown;
    }
  }

  #drain(): void {
    this.#stdout.drain();
    this.#stderr.drain();
  }

  /** Waits until there is something to do, or the limit has passed. */
  #poll(exited: boolean): void {
    const ends = [this.#stdin, this.#stdout, this.#stderr, ...(exited ? [] : [this.#pidfd])];
    const polled = ends.flatMap((end) => {
      return end.fd === null ? [] : [{ fd: end.fd, events: end instanceof Input ? POLLOUT : POLLIN }];
    });
    const leftMs = this.#deadlineMs - monotonicMs();
    poll(polled, this.#pidfd.fd === null && !exited ? Math.min(leftMs, lookAgainMs) : leftMs);
  }

  /** The child stays a zombie, so that its group's number is nobody else's. */
  #hasExited(): boolean {
    const info = Buffer.alloc(siginfoBytes);
    callLibc((libc) => libc.waitid(P_PID, this.#pid, info, WEXITED | WNOHANG | WNOWAIT));
    return info.readInt32LE(0) !== 0;
  }

  /** The status as waitpid(2) has it. */
  #reap(): number {
    const status = Buffer.alloc(4);
    const result = tryLibc((libc) => libc.waitpid(this.#pid, status, 0));
    if (result < 0) throw new LibcError(-result);
    return status.readInt32LE(0);
  }

  #kill(): void {
    killGroup(this.#pid);
  }

  #close(): void {
    for (const end of [this.#stdin, this.#stdout, this.#stderr, this.#pidfd]) end.close();
  }
}

/** Null: the child was joined. */
const children: (Child | null)[] = [];

export const processCalls: Pick<Os, 'startProcess' | 'waitProcess'> = {
  /** The child runs from now on. */
  startProcess: (path, args, env, stdin, timeoutMs) =>
    children.push(new Child({ path, args, env, stdin, timeoutMs })) - 1,
  waitProcess(number) {
    const child = children[number] ?? null;
    if (child === null) throw new LibcError(errno.ECHILD);
    children[number] = null;
    return child.wait();
  },
};
