import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, type StandInCall, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { linkNames } from './pod-view.ts';

const test = asRoot(suite('blackbox/disk'));

/** Runs `body` on a node whose state directory is a file system of its own, with room for little. */
function withSmallState(body: (node: StandInNode, state: string) => void): void {
  withStandInNode({ built: true }, (node) => {
    const state = join(node.directory, 'state');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k,nr_inodes=64,mode=0700', 'tmpfs', state]);
    try {
      body(node, state);
    } finally {
      execFileSync('umount', [state]);
    }
  });
}

/** Makes files, each of so many bytes, until one can't be made. */
function fill(directory: string, bytes: number): void {
  for (let at = 0; ; at++) {
    try {
      writeFileSync(join(directory, `.filler-${at}`), Buffer.alloc(bytes));
    } catch {
      return;
    }
  }
}

const within = (script: string): StandInCall => ({ program: ['bash', '-c', script, builtExecutable] });
const confOf = (node: StandInNode): Record<string, unknown> =>
  node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });

/** The node without the files of the state directory. */
const outside = (node: StandInNode): unknown => ({ ...(node.picture() as object), state: [] });

test('no inodes are left: ADD is refused and changes nothing, DEL gives everything back', () => {
  withSmallState((node, state) => {
    const before = outside(node);
    node.succeed('ADD', confOf(node));
    fill(state, 0);
    node.succeed('DEL', confOf(node));
    assert.equal(outside(node), before);
    fill(state, 0);
    const error = node.fail('ADD', confOf(node));
    assert.is(error.code, 5, error.msg);
    assert.match(error.msg, 'ENOSPC');
    assert.equal(outside(node), before);
  });
});

test('no room is left: ADD is refused and changes nothing, DEL gives everything back', () => {
  withSmallState((node, state) => {
    const before = outside(node);
    node.succeed('ADD', confOf(node));
    fill(state, 65_536);
    fill(state, 4096);
    node.succeed('DEL', confOf(node));
    assert.equal(outside(node), before);
    fill(state, 4096);
    assert.is(node.fail('ADD', confOf(node)).code, 5);
    assert.equal(outside(node), before);
  });
});

test('a state directory that has become read-only: DEL gives back VF and address, says 109, and ends when it can be written', () => {
  withSmallState((node, state) => {
    const before = outside(node);
    node.succeed('ADD', confOf(node));
    execFileSync('mount', ['-o', 'remount,ro', state]);
    for (const attempt of [1, 2]) {
      const error = node.fail('DEL', confOf(node));
      assert.is(error.code, 109, `${attempt}: ${error.msg}`);
      assert.match(error.msg, 'EROFS');
      assert.equal(outside(node), before);
    }
    node.fail('ADD', confOf(node), { containerId: 'c2' });
    assert.equal(outside(node), before);
    execFileSync('mount', ['-o', 'remount,rw', state]);
    node.succeed('DEL', confOf(node));
    assert.equal(node.stateFiles(), []);
  });
});

test('files may not grow (RLIMIT_FSIZE): ADD is refused and changes nothing, DEL gives everything back', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const error = node.fail('ADD', confOf(node), within('ulimit -f 0; exec "$0"'));
    assert.is(error.code, 5, error.msg);
    assert.match(error.msg, 'EFBIG');
    assert.equal(node.picture(), before);
    // host-local has to write files of its own.
    const { ipam: _, ...conf } = confOf(node);
    node.succeed('ADD', conf);
    node.succeed('DEL', conf, within('ulimit -f 0; exec "$0"'));
    assert.equal(node.picture(), before);
  });
});

test('container IDs as long as CNI and the file system have them', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    for (const length of [246, 255]) {
      const call = { containerId: 'c'.repeat(length) };
      const { json } = node.succeed('ADD', confOf(node), call);
      node.succeed('CHECK', { ...confOf(node), prevResult: json }, call);
      node.succeed('DEL', confOf(node), call);
      assert.equal(node.picture(), before);
    }
  });
});

test('a result that can’t be written: ADD is an error, and gives back all', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    for (const [script, errno] of [
      ['exec "$0" >/dev/full', 'ENOSPC'],
      ['exec 3> >(:); wait $!; exec "$0" >&3 3>&-', 'EPIPE'],
    ] as const) {
      const { status, stdout, stderr } = node.cni('ADD', confOf(node), within(script));
      assert.is(status, 1, script);
      assert.is(stdout, '');
      assert.match(stderr, new RegExp(`^dra-sriov: write to stdout: ${errno}`, 'm'));
      assert.equal(node.picture(), before);
      assert.ok(linkNames(node.host).includes('vf0'));
    }
  });
});
