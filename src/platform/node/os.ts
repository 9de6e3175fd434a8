import process from 'node:process';
import type { Os } from '../os.ts';
import { readAll, writeAll } from './descriptor.ts';
import { fileCalls } from './files.ts';
import { interfaceCalls } from './interfaces.ts';
import { tryLibc } from './libc.ts';
import { lockCalls } from './lock.ts';
import { networkCalls } from './network.ts';
import { processCalls } from './processes.ts';
import { monotonicMs, sleepMs } from './waiting.ts';

/** argv begins with the executable and the script that it runs (in the packaged executable, the name of its entry). */
const argumentsBeforeOurs = 2;

const [stdinFd, stdoutFd, stderrFd] = [0, 1, 2];

/** asm-generic/ioctls.h; struct winsize: u16 rows, columns, and two of pixels. */
const TIOCGWINSZ = 0x5413n;

function readColumns(fd: number): number | undefined {
  const size = Buffer.alloc(8);
  return tryLibc((libc) => libc.ioctl(fd, TIOCGWINSZ, size)) === 0 ? size.readUInt16LE(2) : undefined;
}

/** Linux through Node: files and children by Node's own functions, sockets and namespaces by libc (node:ffi). */
export const nodeOs: Os = {
  argv: () => process.argv.slice(argumentsBeforeOurs),
  environment: () => process.env,
  executable: () => process.execPath,
  pid: process.pid,
  exit: (code) => process.exit(code),
  holdSignals() {
    // The handler replaces the default. It is never called, because this program doesn't return to the event loop.
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
  },
  signalCame: () => false,
  monotonicMs,
  sleepMs,
  readStdin: (maxBytes) => readAll(stdinFd, maxBytes),
  writeStdout: (text) => writeAll(stdoutFd, Buffer.from(text)),
  writeStderr: (text) => writeAll(stderrFd, Buffer.from(text)),
  terminalColumns: (stream) => readColumns(stream === 'stdout' ? stdoutFd : stderrFd),
  ...fileCalls,
  ...lockCalls,
  ...processCalls,
  ...networkCalls,
  ...interfaceCalls,
};
