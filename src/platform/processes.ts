import type { EndedProcess, Os } from './os.ts';
import type { Platform, ProcessResult, RunningProcess } from './platform.ts';
import { systemCall } from './system-call.ts';

/** From 1, in the order of asm-generic/signal.h; the same on x86-64 and arm64. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG ' +
  'XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';

function signalName(number: number): string {
  const name = signalNames.split(' ')[number - 1];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

function toResult([status, signal, timedOut, stdout, stderr]: EndedProcess): ProcessResult {
  const name = signal === undefined ? null : signalName(signal);
  return { status: status ?? null, signal: name, timedOut, stdout, stderr };
}

/** See `Platform.startProcess`. What the start throws is thrown when the child is joined, by every call alike. */
export function createStartProcess(os: Os): Platform['startProcess'] {
  return ({ path, args, env, stdin, timeoutMs }): RunningProcess => {
    const what = `run ${path}`;
    let join: () => EndedProcess;
    try {
      const child = os.startProcess(path, args, env, stdin, timeoutMs);
      join = () => os.waitProcess(child);
    } catch (thrown) {
      join = () => {
        throw thrown;
      };
    }
    let result: ProcessResult | undefined;
    return {
      wait() {
        result ??= toResult(systemCall(what, join));
        return result;
      },
    };
  };
}
