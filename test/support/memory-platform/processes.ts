import { SystemError } from '../../../src/lib/system-error.ts';
import type { Platform, ProcessRequest, ProcessResult } from '../../../src/platform/platform.ts';
import { errno } from './file-tree.ts';

/**
 * Plays children by `processes`. Like a real child, it runs when it is started, and its outcome waits to be joined.
 */
export function createMemoryProcesses(
  processes: ((request: ProcessRequest) => ProcessResult) | undefined,
  started: ProcessRequest[],
): Pick<Platform, 'startProcess'> {
  return {
    startProcess(request) {
      started.push(request);
      if (processes === undefined) {
        return {
          wait: () => {
            throw new SystemError(`run ${request.path}`, errno.ENOENT);
          },
        };
      }
      let outcome: () => ProcessResult;
      try {
        const result = processes(request);
        outcome = () => result;
      } catch (thrown) {
        outcome = () => {
          throw thrown;
        };
      }
      return { wait: () => outcome() };
    },
  };
}
