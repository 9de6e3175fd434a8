import { existsSync } from 'node:fs';
import { asRoot, randomIfname, withNetns } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = asRoot(suite('support/netns'));

interface ListedLink {
  readonly ifname: string;
  readonly address: string;
}

test('a test namespace holds its own links and goes with the test', () => {
  const ifname = randomIfname();
  const path = withNetns((netns) => {
    netns.ip('link', 'add', ifname, 'type', 'veth', 'peer', 'name', 'peer0');
    const links = netns.ip('link', 'show') as readonly ListedLink[];
    assert.equal(links.map((link) => link.ifname).sort(), ['lo', 'peer0', ifname].sort());
    assert.is(
      netns.run('cat', '/sys/class/net/peer0/ifindex').trim(),
      netns.run('cat', `/sys/class/net/${ifname}/iflink`).trim(),
    );
    assert.ok(existsSync(netns.path));
    return netns.path;
  });
  assert.not(existsSync(path));
  assert.not(existsSync(`/sys/class/net/${ifname}`));
});

test('a test namespace goes when its body throws, now or later', async () => {
  const paths: string[] = [];
  throws(
    () =>
      withNetns((netns) => {
        paths.push(netns.path);
        throw new Error('on purpose');
      }),
    'Error',
    'on purpose',
  );
  const failure = await withNetns(async (netns) => {
    paths.push(netns.path);
    await Promise.resolve();
    assert.ok(existsSync(netns.path));
    throw new Error('later');
  }).catch((thrown: unknown) => String(thrown));
  assert.is(failure, 'Error: later');
  assert.equal(
    paths.map((path) => existsSync(path)),
    [false, false],
  );
});

test('a failing command names itself and what it said', () => {
  withNetns((netns) => {
    throws(() => netns.ip('link', 'show', 'nosuch0'), 'Error', 'ip -j -details -n', 'link show nosuch0');
  });
});
