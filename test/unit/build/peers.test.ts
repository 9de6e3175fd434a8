import { peer, peerDir, peerSupports } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('build/peers');

const spoken = 'host-local is there and says what it speaks';
if (peerDir() === '') test.skip(spoken, 'only root can install it');
else
  test(spoken, () => {
    assert.is(peer('host-local'), `${peerDir()}/host-local`);
    assert.is(peerSupports('host-local', '1.0.0'), true);
    assert.is(peerSupports('host-local', '0.0.9'), false);
  });

test('a plugin that is not there is null and speaks nothing', () => {
  assert.is(peer('no-such-plugin'), null);
  assert.is(peerSupports('no-such-plugin', '1.0.0'), false);
});
