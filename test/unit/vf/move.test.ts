import { isSystemError, SystemError } from '../../../src/lib/system-error.ts';
import { moveLinkTo, renameLinkTo, restoreAltnames } from '../../../src/vf/move.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';

const test = suite('vf/move');

const [EBUSY, EEXIST, EPERM] = [16, 17, 1];

test('moves and renames in one message', () => {
  const at = new VfFixture();
  moveLinkTo(at.host, at.vf(), at.openPod(), 'net1');
  assert.equal(at.takeChanges(), ['host: vf0 to pod1 as net1']);
  assert.is(at.node.pod.namespace.get('net1'), at.node.link(0));
  assert.is(at.node.host.find('vf0'), undefined);
});

test('a link that is up takes no message of its own: the kernel takes it down with the move', () => {
  const at = new VfFixture();
  at.node.link(0).up = true;
  moveLinkTo(at.host, at.vf(), at.openPod(), 'net1');
  assert.equal(at.takeChanges(), ['host: vf0 to pod1 as net1']);
  assert.is(at.node.link(0).up, false);
});

test('altnames that are the new name, or taken over there, are taken off first; others go along', () => {
  const at = new VfFixture();
  at.node.kernel.addLink(at.node.pod.namespace, 'taken');
  at.node.link(0).altnames = ['net1', 'free', 'taken'];
  moveLinkTo(at.host, at.vf(), at.openPod(), 'net1');
  assert.equal(at.takeChanges(), ['host: vf0 remove altnames net1 taken', 'host: vf0 to pod1 as net1']);
  assert.equal(at.node.link(0).altnames, ['free']);
});

test('EBUSY is retried for a while', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('to pod1', EBUSY, { times: 4 });
  moveLinkTo(at.host, at.vf(), at.openPod(), 'net1');
  assert.is(at.takeChanges().length, 5);
  const stuck = new VfFixture();
  stuck.node.kernel.refuse('to pod1', EBUSY);
  throws(() => moveLinkTo(stuck.host, stuck.vf(), stuck.openPod(), 'net1'), 'EBUSY');
  assert.ok(stuck.node.platform.clock.nowMs <= 1000);
});

test('any other refusal is thrown at once, with the kernel’s words', () => {
  const at = new VfFixture();
  at.node.kernel.refuse('to pod1', EPERM, { extack: 'not for you' });
  throws(() => moveLinkTo(at.host, at.vf(), at.openPod(), 'net1'), 'EPERM', 'not for you');
  assert.is(at.takeChanges().length, 1);
});

test('a taken name is EEXIST', () => {
  const at = new VfFixture();
  at.node.kernel.addLink(at.node.pod.namespace, 'net1');
  throws(() => moveLinkTo(at.host, at.vf(), at.openPod(), 'net1'), 'EEXIST');
});

test('altnames that the link has got since it was looked at don’t keep it', () => {
  const at = new VfFixture();
  const pod = at.openPod();
  moveLinkTo(at.host, at.vf(), pod, 'net1');
  const link = at.linkOf(pod, 'net1');
  at.node.link(0).altnames = ['pf0'];
  moveLinkTo(pod, link, at.host, 'vf0');
  assert.equal(at.node.link(0).altnames, []);
  assert.is(at.vf().name, 'vf0');
});

test('altnames that change between look and move: as often as five times, while the link is there', () => {
  /** How often a move is tried that always fails; `next` changes the link between the tries. */
  const tries = (next: (at: VfFixture, tried: number) => void): number => {
    const at = new VfFixture();
    at.node.link(0).altnames = ['a', 'b'];
    let tried = 0;
    const change = (): never => {
      next(at, ++tried);
      throw new SystemError('move', EEXIST);
    };
    const link = at.vf();
    throws(() => moveLinkTo(Object.assign(at.host, { change }), link, at.openPod(), 'net1'), 'EEXIST');
    return tried;
  };
  const named = (altnames: readonly string[]) => (at: VfFixture) =>
    void Object.assign(at.node.link(0), { altnames: [...altnames] });
  const another = (at: VfFixture, tried: number): void => named(['a', `b${tried}`])(at);
  assert.is(tries(another), 5);
  assert.is(tries(named(['a', 'b'])), 1);
  assert.is(tries(named(['b', 'a'])), 2);
  assert.is(tries(named(['a'])), 2);
  const gone = (at: VfFixture): void =>
    at.node.edit(() => at.node.host.links.splice(at.node.host.links.indexOf(at.node.link(0)), 1));
  assert.is(tries(gone), 1);
});

test('renaming to its own name is nothing; else it is down for older kernels', () => {
  const at = new VfFixture();
  renameLinkTo(at.host, at.vf(), 'vf0');
  assert.equal(at.takeChanges(), []);
  Object.assign(at.node.link(0), { up: true, altnames: ['ens1', 'mine'] });
  renameLinkTo(at.host, at.vf(), 'ens1');
  assert.equal(at.takeChanges(), ['host: vf0 remove altnames ens1', 'host: vf0 down', 'host: vf0 name ens1']);
  assert.equal(at.node.link(0).altnames, ['mine'], 'it takes along what is in nobody’s way');
});

test('altnames come back in their order, and only what differs is touched', () => {
  const cases: [string[], string[], string[]][] = [
    [['a', 'b'], ['a', 'b'], []],
    [['a', 'b'], [], ['add altnames a', 'add altnames b']],
    [['a', 'b'], ['a'], ['add altnames b']],
    [['a', 'b'], ['b'], ['remove altnames b', 'add altnames a', 'add altnames b']],
    [['a'], ['a', 'x'], ['remove altnames x']],
    [[], ['x'], ['remove altnames x']],
    [[], [], []],
  ];
  for (const [wanted, present, expected] of cases) {
    const at = new VfFixture();
    at.node.link(0).altnames = [...present];
    assert.equal(restoreAltnames(at.host, at.vf(), wanted), []);
    assert.equal(at.node.link(0).altnames, wanted);
    assert.equal(
      at.takeChanges(),
      expected.map((change) => `host: vf0 ${change}`),
    );
  }
});

test('an altname that another link has is EEXIST, and keeps none behind it', () => {
  const at = new VfFixture();
  at.node.link(1).altnames = ['ens1'];
  const failures = restoreAltnames(at.host, at.vf(), ['ens1', 'ens2']);
  assert.equal(
    failures.map((failure) => isSystemError(failure.cause, 'EEXIST')),
    [true],
  );
  assert.equal(at.node.link(0).altnames, ['ens2']);
});
