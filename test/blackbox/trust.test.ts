import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = asRoot(suite('blackbox/trust'));

/** Every verb that works with records, each with a config that would do. */
function refuseAll(node: StandInNode, env: Readonly<Record<string, string>>, prevResult: unknown): void {
  const conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[0], ipam: node.ipam() });
  for (const verb of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']) {
    const { code, msg } = node.fail(verb, { ...conf, prevResult, 'cni.dev/valid-attachments': [] }, { env });
    assert.is(code, verb === 'STATUS' ? 50 : 5, `${verb}: ${msg}`);
    assert.match(msg, env['DRA_SRIOV_STATE_DIR'] ?? '', verb);
  }
  for (const command of [['gc', '--here'], ['attachments']]) {
    const { status, stderr } = node.cni('', '', {
      program: [...node.program, ...command],
      env: { ...env, CNI_COMMAND: '' },
    });
    assert.is(status, 1, command.join(' '));
    assert.match(stderr, env['DRA_SRIOV_STATE_DIR'] ?? '');
  }
}

test('.locks that is a link to another directory: every verb is refused before anything there is removed', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const { json } = node.succeed('ADD', conf);
    const victim = join(node.directory, 'victim');
    mkdirSync(victim);
    for (const name of ['passwd', 'container-c1', 'vf-0000:3b:02.0']) writeFileSync(join(victim, name), name);
    const locks = join(node.directory, 'state/.locks');
    rmSync(locks, { recursive: true });
    symlinkSync(victim, locks);
    for (const verb of ['ADD', 'DEL', 'GC']) {
      const call = { cniVersion: '1.1.0', prevResult: json, 'cni.dev/valid-attachments': [] };
      const { msg } = node.fail(verb, { ...conf, ...call });
      assert.match(msg, locks, verb);
      assert.equal(readdirSync(victim).sort(), ['container-c1', 'passwd', 'vf-0000:3b:02.0'], verb);
    }
    rmSync(locks);
    node.succeed('DEL', conf);
  });
});

test('a directory above that others may write to, and swap what lies in it: every verb is refused', () => {
  withStandInNode({ built: true }, (node) => {
    const above = join(node.directory, 'lib/cni');
    const env = { DRA_SRIOV_STATE_DIR: join(above, 'dra-sriov') };
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const { json } = node.succeed('ADD', conf, { env });
    assert.equal(readdirSync(above), ['dra-sriov']);
    for (const [spoil, mend] of [
      [() => chmodSync(above, 0o777), () => chmodSync(above, 0o755)],
      [() => chownSync(above, 1000, 0), () => chownSync(above, 0, 0)],
      [() => chmodSync(join(node.directory, 'lib'), 0o775), () => chmodSync(join(node.directory, 'lib'), 0o755)],
    ] as const) {
      spoil();
      refuseAll(node, env, json);
      mend();
    }
    renameSync(join(above, 'dra-sriov'), join(above, 'moved'));
    mkdirSync(join(above, 'dra-sriov'));
    chownSync(join(above, 'dra-sriov'), 1000, 1000);
    refuseAll(node, env, json);
    rmSync(join(above, 'dra-sriov'), { recursive: true });
    renameSync(join(above, 'moved'), join(above, 'dra-sriov'));
    node.succeed('DEL', conf, { env });
  });
});

test('directories above the state directory that are missing are made 0755, whatever the umask', () => {
  withStandInNode({ built: true }, (node) => {
    const env = { DRA_SRIOV_STATE_DIR: join(node.directory, 'lib/cni/dra-sriov') };
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    const program = ['bash', '-c', 'umask 077; exec "$0"', ...node.program];
    node.succeed('ADD', conf, { env, program });
    const modes = ['lib', 'lib/cni', 'lib/cni/dra-sriov', 'lib/cni/dra-sriov/vf-test1'].map((path) =>
      node.host.run('stat', '-c', '%a', join(node.directory, path)).trim(),
    );
    assert.equal(modes, ['755', '755', '700', '700']);
    node.succeed('DEL', conf, { env });
  });
});
