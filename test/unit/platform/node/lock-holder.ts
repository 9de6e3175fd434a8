// Takes the lock argv[2] with the note argv[3], says so, and holds it for argv[4] ms.
import process from 'node:process';
import { createNodePlatform } from '../../../support/node-platform.ts';

const platform = createNodePlatform({});
const [path = '', note = '', holdMs = '0'] = platform.argv;
const lock = platform.lock(path, 10_000, note);
platform.writeStdout(lock === null ? 'no\n' : 'held\n');
platform.sleepMs(Number(holdMs));
lock?.unlock();
process.exit(lock === null ? 1 : 0);
