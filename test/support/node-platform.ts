import { createPlatform } from '../../src/platform/linux.ts';
import { nodeOs } from '../../src/platform/node/os.ts';
import type { Platform } from '../../src/platform/platform.ts';

/** This machine, through the host on Node. */
export function createNodePlatform(environment: Platform['environment']): Platform {
  return createPlatform(nodeOs, environment);
}
