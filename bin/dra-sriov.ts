// Starts the program from source. Not by itself: bin/dra-sriov gives it the pinned Node.
import { createRequire } from 'node:module';

const load = createRequire(new URL('../src/parts.ts', import.meta.url));
globalThis.require = load;
load('./hosts/node.ts');
