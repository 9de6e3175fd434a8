// The parts of the program, for tests that run it from source as bin/dra-sriov.ts does.
import { createRequire } from 'node:module';

export { parts as sourceParts } from '../../src/parts.ts';

globalThis.require = createRequire(new URL('../../src/parts.ts', import.meta.url));
