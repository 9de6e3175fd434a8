import type { SpawnSyncOptions, SpawnSyncReturns } from 'node:child_process';
import process from 'node:process';
import { SystemError } from '../../lib/system-error.ts';
import type { ProcessRequest, ProcessResult, RunningProcess } from '../platform.ts';
import { heldLockFds } from './lock.ts';
import { asSystemError, errno, systemCall } from './system-call.ts';

/** Per stream. */
const maxOutputBytes = 4 * 1024 * 1024;

/** spawnSync passes `detached` on (setsid in the child), though its documentation doesn't name it. */
interface DetachedOptions extends SpawnSyncOptions {
  readonly detached: true;
}

/** The child leads its own group: whatever it started and left behind goes too. */
function killGroup(pid: number): void {
  // kill(-1) would reach every process of the node, kill(0) our own group
  if (!Number.isInteger(pid) || pid <= 1) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

function spawn({ path, args, env, stdin, timeoutMs }: ProcessRequest): SpawnSyncReturns<Buffer> {
  const options: DetachedOptions = {
    env: { ...env },
    input: Buffer.from(stdin),
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', ...heldLockFds()],
    // 0 would be no limit
    timeout: Math.max(1, Math.ceil(timeoutMs)),
    killSignal: 'SIGKILL',
    maxBuffer: maxOutputBytes,
  };
  // at run time: node:child_process costs 3 ms, and most runs have no child
  const { spawnSync } = process.getBuiltinModule('node:child_process');
  return spawnSync(path, args, options) as SpawnSyncReturns<Buffer>;
}

function resultOf(request: ProcessRequest, child: SpawnSyncReturns<Buffer>): ProcessResult {
  const what = `run ${request.path}`;
  const code = (child.error as NodeJS.ErrnoException | undefined)?.code;
  const timedOut = code === 'ETIMEDOUT';
  if (timedOut || code === 'ENOBUFS') killGroup(child.pid);
  if (code === 'ENOBUFS') {
    throw new SystemError(what, errno.EOVERFLOW, `it wrote more than ${maxOutputBytes} bytes; it was killed`);
  }
  // EPIPE: the child ended without reading all of its stdin, as it may
  if (child.error !== undefined && !timedOut && code !== 'EPIPE') throw asSystemError(what, child.error);
  return {
    status: child.status,
    signal: child.signal,
    timedOut,
    stdout: child.stdout.toString('utf8'),
    stderr: child.stderr.toString('utf8'),
  };
}

/** On this host the child runs while it is joined, since Node can't both go on and read its output. */
export function startProcess(request: ProcessRequest): RunningProcess {
  let result: ProcessResult | undefined;
  return {
    wait() {
      if (!request.path.startsWith('/')) {
        throw new SystemError(`run ${request.path}`, errno.EINVAL, 'not an absolute path');
      }
      result ??= resultOf(
        request,
        systemCall(`run ${request.path}`, () => spawn(request)),
      );
      return result;
    },
  };
}
