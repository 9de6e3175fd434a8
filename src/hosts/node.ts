// Entry of the program on Node: bundled into the executable, or started from source by bin/dra-sriov.ts.
import process from 'node:process';
import { formatError } from '../cni/error-output.ts';
import { CniError, explain } from '../cni/errors.ts';
import { runMain } from '../main.ts';
import { parts } from '../parts.ts';
import { createNodePlatform } from '../platform/node.ts';
import type { Platform } from '../platform/platform.ts';

/**
 * There is no platform yet to write with, and a runtime still expects a CNI error on stdout. What keeps a platform from
 * being made is an environment variable with a bad path.
 */
function endWithoutPlatform(thrown: unknown): never {
  const isPlugin = (process.env['CNI_COMMAND'] ?? '') !== '';
  if (isPlugin) process.stdout.write(`${formatError(new CniError('invalidEnvironment', explain(thrown)))}\n`);
  else process.stderr.write(`dra-sriov: ${explain(thrown)}\n`);
  process.exit(1);
}

function openPlatform(): Platform {
  try {
    return createNodePlatform(process.env);
  } catch (thrown) {
    return endWithoutPlatform(thrown);
  }
}

runMain(openPlatform(), parts);
