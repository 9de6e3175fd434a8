import type { Platform } from '../platform.ts';
import { createStartProcess } from '../processes.ts';
import type { Host } from './host.ts';
import { systemCall } from './system-call.ts';

export function createStarter(host: Host): Platform['startProcess'] {
  return createStartProcess(({ path, args, env, stdin, timeoutMs }) => {
    const what = `run ${path}`;
    const child = systemCall(what, () => host.startProcess(path, args, env, stdin, timeoutMs));
    return () => systemCall(what, () => host.waitProcess(child));
  });
}
