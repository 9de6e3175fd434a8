import type { Platform, ProcessRequest, ProcessResult, RunningProcess } from './platform.ts';

/** How a child ended, and what came out of it, as hosts tell it: `status` or `signal` is undefined. */
export type EndedProcess = readonly [
  status: number | undefined,
  signal: number | undefined,
  timedOut: boolean,
  stdout: string,
  stderr: string,
];

/** From 1, in the order of asm-generic/signal.h; the same on x86-64 and arm64. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';

function signalName(number: number): string {
  const name = signalNames.split(' ')[number - 1];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

function toResult([status, signal, timedOut, stdout, stderr]: EndedProcess): ProcessResult {
  const name = signal === undefined ? null : signalName(signal);
  return { status: status ?? null, signal: name, timedOut, stdout, stderr };
}

/**
 * `start` begins a child and returns what waits for its end; both throw SystemError. What the start throws is thrown when the child is joined,
 * by every call alike.
 */
export function createStartProcess(start: (request: ProcessRequest) => () => EndedProcess): Platform['startProcess'] {
  return (request): RunningProcess => {
    let wait: () => EndedProcess;
    try {
      wait = start(request);
    } catch (thrown) {
      wait = () => {
        throw thrown;
      };
    }
    let result: ProcessResult | undefined;
    return {
      wait() {
        result ??= toResult(wait());
        return result;
      },
    };
  };
}
