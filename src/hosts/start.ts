import { formatError } from '../cni/error-output.ts';
import { CniError, explain } from '../cni/errors.ts';
import { runMain } from '../main.ts';
import { parts } from '../parts.ts';
import { createPlatform } from '../platform/linux.ts';
import type { Os } from '../platform/os.ts';
import type { Platform } from '../platform/platform.ts';

type Environment = ReturnType<Os['environment']>;

/** Whether a container runtime started this program. */
function isPlugin(environment: Environment): boolean {
  return (environment['CNI_COMMAND'] ?? '') !== '';
}

/** Runs the program on a host, and ends the process. */
export function start(os: Os, environment: Environment): void {
  const platform = openPlatform(os, environment);
  if (platform === null) os.exit(1);
  else runMain(platform, parts);
}

/**
 * Null if an environment variable has a bad path. Then the host itself prints the CNI error that a runtime expects on
 * stdout, because there is no platform.
 */
function openPlatform(os: Os, environment: Environment): Platform | null {
  try {
    return createPlatform(os, environment);
  } catch (thrown) {
    if (isPlugin(environment)) os.writeStdout(`${formatError(new CniError('invalidEnvironment', explain(thrown)))}\n`);
    else os.writeStderr(`dra-sriov: ${explain(thrown)}\n`);
    return null;
  }
}
