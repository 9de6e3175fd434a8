import { SystemError } from '../../../src/lib/system-error.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { errno } from './file-tree.ts';

/** Thrown by exit(), so that nothing after it runs. */
export class MemoryExit extends Error {
  override readonly name = 'MemoryExit';
  readonly code: number;

  constructor(code: number) {
    super(`exit(${code})`);
    this.code = code;
  }
}

type MemoryStreams = Pick<
  Platform,
  'readStdin' | 'writeStdout' | 'writeStderr' | 'isTerminal' | 'terminalColumns' | 'exit' | 'holdSignals' | 'signalCame'
> & {
  readonly written: { stdout: string; stderr: string; exitCode: number | null };
};

/** Streams that keep what was written. */
export function createMemoryStreams(stdin: string, isTerminal: boolean): MemoryStreams {
  const written: MemoryStreams['written'] = { stdout: '', stderr: '', exitCode: null };
  return {
    written,
    readStdin(maxBytes) {
      const bytes = Buffer.from(stdin);
      if (bytes.length > maxBytes) throw new SystemError('read stdin', errno.EOVERFLOW, `more than ${maxBytes} bytes`);
      return bytes;
    },
    writeStdout(text) {
      written.stdout += text;
    },
    writeStderr(text) {
      written.stderr += text;
    },
    isTerminal: () => isTerminal,
    terminalColumns: () => null,
    exit(code) {
      written.exitCode = code;
      throw new MemoryExit(code);
    },
    holdSignals: () => undefined,
    signalCame: () => false,
  };
}
