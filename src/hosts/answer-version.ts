import { formatVersions } from '../cni/versions.ts';
import type { Os } from '../platform/os.ts';

/**
 * Answers VERSION, which asks for nothing of the node, and ends the process. Does nothing for other verbs, and where
 * the answer can't be written: the usual way tries again, and tells.
 */
export function answerVersion(os: Os, environment: ReturnType<Os['environment']>): void {
  if (environment['CNI_COMMAND'] !== 'VERSION') return;
  try {
    os.writeStdout(`${formatVersions()}\n`);
  } catch {
    return;
  }
  os.exit(0);
}
