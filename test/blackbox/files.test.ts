import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { processesIn } from '../support/processes.ts';
import { builtExecutable, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, printing } from './fake-ipam.ts';
import { linkNames } from './pod-view.ts';

const test = suite('files');
const root = asRoot(test);

/** `path mode` of all below a directory, itself included as `.`. */
function modesBelow(directory: string): Map<string, number> {
  const names = ['.', ...readdirSync(directory, { recursive: true, encoding: 'utf8' })];
  return new Map(names.map((name) => [name, lstatSync(join(directory, name)).mode]));
}

for (const umask of ['0000', '0077', '0777']) {
  root(`umask ${umask}: directories 0700, files 0600, whatever it is`, () => {
    withStandInNode({ built: true }, (node) => {
      const state = join(node.directory, 'fresh/state');
      const call = {
        program: ['sh', '-c', `umask ${umask}; exec "$0"`, builtExecutable],
        env: { DRA_SRIOV_STATE_DIR: state },
      };
      const logFile = join(node.directory, 'plugin.log');
      node.succeed('ADD', node.conf({ deviceID: node.vfPcis[0], logFile }), call);
      const modes = modesBelow(state);
      assert.ok(modes.has('vf-test1/c1/net1.json'), [...modes.keys()].join());
      for (const [name, mode] of modes) {
        const isDirectory = (mode & 0o170000) === 0o040000;
        assert.is(mode & 0o7777, isDirectory ? 0o700 : 0o600, `${name}: ${mode.toString(8)}`);
      }
      assert.is(statSync(logFile).mode & 0o077, 0, 'the log is for root alone');
      node.succeed('DEL', node.conf({ deviceID: node.vfPcis[0], logFile }), call);
    });
  });
}

root('the record names the attachment, and DEL leaves no file, directory or lock behind', () => {
  withStandInNode({ built: true }, (node) => {
    const state = join(node.directory, 'state');
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('ADD', conf);
    assert.equal(node.stateFiles(), [`.vfs/${node.vfPcis[0]}`, 'vf-test1/c1/net1.json']);
    const record = JSON.parse(readFileSync(join(state, 'vf-test1/c1/net1.json'), 'utf8')) as Record<string, unknown>;
    assert.equal(record['key'], { network: 'vf-test1', containerId: 'c1', ifname: 'net1' });
    assert.is(record['phase'], 'attached');
    node.succeed('DEL', conf);
    assert.equal(node.stateFiles(), []);
    for (const name of readdirSync(state)) assert.match(name, /^\./, 'directories of networks are gone');
    for (const name of ['.vfs', '.locks']) assert.equal(readdirSync(join(state, name)), []);
  });
});

root('what a failed ADD leaves', () => {
  withStandInNode({ built: true }, (node) => {
    const state = join(node.directory, 'state');
    const ipam = new FakeIpam(node, { ADD: 'exit 1' });
    node.fail('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: { type: ipam.type } }), { env: ipam.env });
    assert.equal(node.stateFiles(), []);
    assert.equal(
      readdirSync(state).filter((name) => !name.startsWith('.')),
      [],
    );
  });
});

root('no process is left behind', () => {
  withStandInNode({ built: true }, (node) => {
    const result = printing({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.5/24' }] });
    const ipam = new FakeIpam(node, { ADD: result });
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: ipam.type } });
    node.succeed('ADD', conf, { env: ipam.env });
    node.succeed('DEL', conf, { env: ipam.env });
    assert.equal(processesIn(node.host.path), []);
  });
});

root('the state directory isn’t left through a link: records are not read or written through one', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('ADD', conf);
    const record = join(node.directory, 'state/vf-test1/c1/net1.json');
    const victim = join(node.directory, 'victim');
    writeFileSync(victim, readFileSync(record));
    mkdirSync(join(node.directory, 'state/vf-test1/c2'));
    symlinkSync(victim, join(node.directory, 'state/vf-test1/c2/net1.json'));
    const { stderr } = node.succeed('DEL', conf, { containerId: 'c2' });
    assert.match(stderr, /level=error.*link/);
    assert.ok(linkNames(node.pod).includes('net1'), 'the record of c1 is not c2’s');
    assert.ok(existsSync(victim));
    node.succeed('DEL', conf);
  });
});

root('what is no file in place of a record: it is set aside at once, and DEL succeeds', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    const record = join(node.directory, 'state/vf-test1/c1/net1.json');
    for (const make of [
      () => mkdirSync(record),
      () => execFileSync('mkfifo', [record]),
      () => execFileSync('mknod', [record, 'c', '1', '5']),
      () => writeFileSync(record, Buffer.alloc(9 * 1024 * 1024)),
    ]) {
      node.succeed('ADD', conf);
      rmSync(record);
      make();
      const { stderr } = node.succeed('DEL', conf);
      assert.match(stderr, 'set aside');
      assert.ok(linkNames(node.host).includes('vf0'));
    }
  });
});

root('a state directory that can’t be written: code 5, naming it, nothing changed', () => {
  withStandInNode({ built: true }, (node) => {
    const file = join(node.directory, 'file');
    writeFileSync(file, '');
    const before = node.picture();
    const env = { DRA_SRIOV_STATE_DIR: join(file, 'state') };
    const error = node.fail('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() }), { env });
    assert.is(error.code, 5, error.msg);
    assert.match(error.msg, file);
    assert.equal(node.picture(), before);
  });
});
