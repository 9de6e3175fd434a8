// Uses one stream as argv[2] says, for the test of streams.
import { createNodePlatform } from '../../../support/node-platform.ts';

const platform = createNodePlatform({});
const [what = '', amount = '0'] = platform.argv;
const uses: Record<string, () => void> = {
  'count-stdin': () => {
    try {
      platform.writeStdout(String(platform.readStdin(Number(amount)).length));
    } catch (thrown) {
      platform.writeStdout(String(thrown));
    }
  },
  'write-stdout': () => platform.writeStdout('ü'.repeat(Number(amount))),
  'write-stderr': () => {
    platform.writeStderr('lost');
    platform.writeStdout('went on');
  },
  terminals: () => platform.writeStdout(`${platform.isTerminal('stdout')} ${platform.isTerminal('stderr')}`),
  columns: () => platform.writeStdout(String(platform.terminalColumns('stdout'))),
};
uses[what]?.();
platform.exit(what in uses ? 5 : 6);
