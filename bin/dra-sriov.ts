// Starts the program from source. bin/dra-sriov runs it with the pinned Node.
import { createRequire } from 'node:module';

const load = createRequire(new URL('../src/parts.ts', import.meta.url));
globalThis.require = load;
load('./hosts/node.ts');
