// Entry of the program on Node: bundled into the executable, or started from source by bin/dra-sriov.ts.
import { nodeOs } from '../platform/node/os.ts';
import { answerVersion } from './answer-version.ts';
import { start } from './start.ts';

const environment = nodeOs.environment();
answerVersion(nodeOs, environment);
start(nodeOs, environment);
