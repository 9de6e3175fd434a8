import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/check-machine');
const script = join(import.meta.dirname, '../../../scripts/check-machine.sh');

function check(what: string, prefix: readonly string[] = []): { status: number | null; stderr: string } {
  const [program = '', ...args] = [...prefix, script, what];
  return spawnSync(program, args, { encoding: 'utf8' });
}

asRoot(test)('without the right to make namespaces: the tests do not start, the demo may', () => {
  const bounded = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-sys_admin'];
  const { status, stderr } = check('test', bounded);
  assert.is(status, 3, stderr);
  assert.match(stderr, 'CAP_SYS_ADMIN');
  assert.not.match(check('demo', bounded).stderr, 'CAP_SYS_ADMIN');
});

test('all that is missing is told at once', () => {
  const { status, stderr } = check('demo', [
    'env',
    '-i',
    'PATH=/usr/bin:/bin',
    'TMPDIR=/proc/1',
    'XDG_CACHE_HOME=/proc/1',
  ]);
  assert.is(status, 3, stderr);
  assert.match(stderr, /\/proc\/1 .*\n(.*\n)*.*\/proc\/1/);
});
