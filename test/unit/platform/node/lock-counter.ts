// Adds 1 to the number in the file argv[3], argv[4] times, each time under the lock argv[2]; not atomic without the
// lock.
import { readFileSync, writeFileSync } from 'node:fs';
import { createNodePlatform } from '../../../support/node-platform.ts';

const platform = createNodePlatform({});
const [path = '', counter = '', times = '0'] = platform.argv;
for (let done = 0; done < Number(times); done++) {
  const lock = platform.lock(path, 60_000, `pid ${platform.pid}`);
  if (lock === null) throw new Error('no lock within a minute');
  const seen = Number(readFileSync(counter, 'utf8'));
  platform.sleepMs(1);
  writeFileSync(counter, String(seen + 1));
  lock.unlock();
}
