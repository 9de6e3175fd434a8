// Takes the lock argv[2] with the note argv[3], says so, and holds it until a moment after the file argv[4] is there.
import { existsSync } from 'node:fs';
import process from 'node:process';
import { createNodePlatform } from '../../../support/node-platform.ts';

const platform = createNodePlatform({});
const [path = '', note = '', release = ''] = platform.argv;
const lock = platform.lock(path, 60_000, note);
platform.writeStdout(lock === null ? 'no\n' : 'held\n');
while (!existsSync(release)) platform.sleepMs(5);
platform.sleepMs(100);
lock?.unlock();
process.exit(lock === null ? 1 : 0);
