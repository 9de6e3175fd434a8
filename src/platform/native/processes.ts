import type { Platform, ProcessRequest, ProcessResult, RunningProcess } from '../platform.ts';
import type { Host } from './host.ts';
import { systemCall } from './system-call.ts';

/** From 1, in the order of asm-generic/signal.h; the same on x86-64 and arm64. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';

function signalName(number: number): string {
  const name = signalNames.split(' ')[number - 1];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

function start(host: Host, { path, args, env, stdin, timeoutMs }: ProcessRequest): () => ProcessResult {
  const what = `run ${path}`;
  const child = systemCall(what, () => host.startProcess(path, args, env, stdin, timeoutMs));
  return () => {
    const [status, signal, timedOut, stdout, stderr] = systemCall(what, () => host.waitProcess(child));
    return {
      status: status ?? null,
      signal: signal === undefined ? null : signalName(signal),
      timedOut,
      stdout,
      stderr,
    };
  };
}

/** The child runs from now on. What goes wrong now is thrown when it is joined, by every call alike. */
export function createStartProcess(host: Host): Platform['startProcess'] {
  return (request): RunningProcess => {
    let join: () => ProcessResult;
    try {
      join = start(host, request);
    } catch (thrown) {
      join = () => {
        throw thrown;
      };
    }
    let result: ProcessResult | undefined;
    return {
      wait() {
        result ??= join();
        return result;
      },
    };
  };
}
