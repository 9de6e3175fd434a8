import { copyFileSync, linkSync, rmSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { addressesOf } from './pod-view.ts';

const test = suite('installed');
const root = asRoot(test);

/** A hard link has to be on the executable's own file system. */
const beside = join(dirname(builtExecutable), `.installed-${process.pid}`);

const installations: Readonly<Record<string, (path: string) => string>> = {
  'as a symbolic link': (path) => {
    symlinkSync(builtExecutable, path);
    return path;
  },
  'as a copy': (path) => {
    copyFileSync(builtExecutable, path);
    return path;
  },
  'as a hard link': () => {
    linkSync(builtExecutable, beside);
    return beside;
  },
};

for (const [how, install] of Object.entries(installations)) {
  root(`installed under another name, ${how}, it behaves the same`, () => {
    withStandInNode({ built: true }, (node) => {
      const program = [install(join(node.directory, 'sriov'))];
      try {
        const conf = node.conf({ type: 'sriov', deviceID: node.vfPcis[0], ipam: node.ipam() });
        const before = node.picture();
        const { json } = node.succeed('ADD', conf, { program });
        assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.2/24']);
        node.succeed('CHECK', { ...conf, prevResult: json });
        node.succeed('DEL', conf);
        assert.equal(node.picture(), before);
        const expected = node.cni('VERSION', '');
        assert.equal(node.cni('VERSION', '', { program }), expected);
        const byHand = { program, env: { CNI_COMMAND: undefined } };
        assert.match(node.cni('', '', byHand).stderr, 'CNI plugin dra-sriov');
      } finally {
        rmSync(beside, { force: true });
      }
    });
  });
}

root('arguments on the command line mean nothing while CNI_COMMAND is set', () => {
  withStandInNode({ built: true }, (node) => {
    const { status, json } = node.cni('VERSION', '', { program: [builtExecutable, '--help', 'validate', '/x'] });
    assert.is(status, 0);
    assert.ok('supportedVersions' in (json as object));
  });
});

root('variables for Node in the environment of the runtime change nothing', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    const env = { NODE_OPTIONS: '--require /nonexistent.js', NODE_DEBUG: 'fs,net', NODE_V8_COVERAGE: undefined };
    node.succeed('ADD', conf, { env });
    node.succeed('DEL', conf, { env: { ...env, HOME: undefined, PATH: process.env['PATH'] } });
  });
});
