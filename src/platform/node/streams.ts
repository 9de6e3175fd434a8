import process from 'node:process';
import { SystemError } from '../../lib/system-error.ts';
import type { Platform } from '../platform.ts';
import { readAll, writeAll } from './descriptor.ts';
import { errno, nullOn, systemCall } from './system-call.ts';

const [stdinFd, stdoutFd, stderrFd] = [0, 1, 2];

/** Standard streams, and the end of the process. */
export function createStreams(): Pick<Platform, 'readStdin' | 'writeStdout' | 'writeStderr' | 'isTerminal' | 'exit'> {
  return {
    readStdin(maxBytes) {
      const what = 'read stdin';
      // a closed stdin is an empty one
      return nullOn([errno.EBADF], what, () => readAll(what, stdinFd, maxBytes)) ?? Buffer.alloc(0);
    },
    writeStdout(text) {
      systemCall('write to stdout', () => writeAll(stdoutFd, Buffer.from(text)));
    },
    writeStderr(text) {
      try {
        systemCall('write to stderr', () => writeAll(stderrFd, Buffer.from(text)));
      } catch (thrown) {
        // nobody listens: no reason to fail an attachment
        if (!(thrown instanceof SystemError)) throw thrown;
      }
    },
    isTerminal(stream) {
      return process.getBuiltinModule('node:tty').isatty(stream === 'stdout' ? stdoutFd : stderrFd);
    },
    exit(code) {
      process.exit(code);
    },
  };
}
