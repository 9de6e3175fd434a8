import { existsSync, lstatSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CniOutcome } from '../support/cni-node.ts';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = suite('log');
const root = asRoot(test);

const line =
  /^time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z level=(error|warning|info|debug) msg="(?:[^"\\]|\\.)*"( [\w.-]+=("(?:[^"\\]|\\.)*"|[\w.:/@%+,-]+))*$/;

function lines(text: string): string[] {
  return text === '' ? [] : text.trimEnd().split('\n');
}

function assertWellFormed(text: string): void {
  for (const one of lines(text)) assert.match(one, line);
}

/** Characters that a terminal or a log viewer acts on, but for the ends of lines. */
function controlsIn(text: string): string[] {
  return [...text].filter((char) => (char < ' ' && char !== '\n') || '\u007f\u2028\u202e'.includes(char));
}

function attachAndDetach(node: StandInNode, keys: Readonly<Record<string, unknown>>): CniOutcome {
  const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam(), ...keys });
  const outcome = node.succeed('ADD', conf);
  node.succeed('DEL', conf);
  return outcome;
}

root('levels: each writes no more than it is asked for, on one line an event', () => {
  withStandInNode({ built: true }, (node) => {
    const levels = (logLevel: string): Set<string> => {
      const { stderr } = attachAndDetach(node, { logLevel, vlann: 5 });
      assertWellFormed(stderr);
      return new Set(lines(stderr).map((one) => /level=(\w+)/.exec(one)?.[1] ?? ''));
    };
    assert.equal([...levels('error')], []);
    assert.equal([...levels('panic')], []);
    assert.equal([...levels('warning')], ['warning']);
    assert.equal([...levels('info')].sort(), ['info', 'warning']);
    assert.equal([...levels('INFO')].sort(), ['info', 'warning']);
    for (const level of ['debug', 'verbose', 'Debug']) assert.ok(levels(level).has('info'), level);
  });
});

root('every line says which container, interface and network it is about', () => {
  withStandInNode({ built: true }, (node) => {
    const { stderr } = attachAndDetach(node, { logLevel: 'debug' });
    assert.ok(lines(stderr).length > 0);
    for (const one of lines(stderr)) assert.match(one, / command=ADD container=c1 ifname=net1 network=vf-test1/);
    assert.match(stderr, `pci=${node.vfPcis[0]}`);
  });
});

root('a misspelt key is warned about, and one of another kind of plugin; an unknown one is not', () => {
  withStandInNode({ built: true }, (node) => {
    const odd = { vlann: 5, trsut: 'on', somethingElse: 1, bridge: 'br1', trunk: [{ id: 5 }] };
    const { stderr } = attachAndDetach(node, { ...odd, logLevel: 'warning' });
    assert.is(lines(stderr).filter((one) => one.includes('key=')).length, 4);
    assert.match(stderr, /key=vlann problem=".*vlan/);
    assert.match(stderr, /key=trsut problem=".*trust/);
    assert.match(stderr, /key=bridge problem=".*ovs-cni/);
    assert.match(stderr, /key=trunk problem=".*ovs-cni/);
  });
});

root('logFile: made with mode 0600, appended to, and then nothing is on stderr', () => {
  withStandInNode({ built: true }, (node) => {
    const logFile = join(node.directory, 'plugin.log');
    assert.is(attachAndDetach(node, { logFile }).stderr, '');
    const first = readFileSync(logFile, 'utf8');
    assertWellFormed(first);
    assert.is(statSync(logFile).mode & 0o777, 0o600);
    attachAndDetach(node, { logFile });
    const both = readFileSync(logFile, 'utf8');
    assert.ok(both.startsWith(first) && both.length > first.length);
    assert.is(node.cni('ADD', node.conf({ logFile, vlan: -1 })).stderr, '');
    assert.match(readFileSync(logFile, 'utf8').slice(both.length), /level=error msg="ADD failed".*vlan/);
  });
});

root(
  'logFile that is a link, a directory or a FIFO, or that can’t be made: the attachment works, stderr says so',
  () => {
    withStandInNode({ built: true }, (node) => {
      const target = join(node.directory, 'victim');
      writeFileSync(target, 'untouched');
      const link = join(node.directory, 'link.log');
      symlinkSync(target, link);
      const dangling = join(node.directory, 'dangling.log');
      symlinkSync(join(node.directory, 'nowhere'), dangling);
      const fifo = join(node.directory, 'fifo.log');
      node.host.run('mkfifo', fifo);
      for (const logFile of [link, dangling, fifo, node.directory, join(node.directory, 'no/such/directory.log')]) {
        const { stderr } = attachAndDetach(node, { logFile });
        assert.match(stderr, `logFile ${logFile}`);
        assert.match(stderr, 'VF found');
      }
      assert.is(readFileSync(target, 'utf8'), 'untouched');
      assert.is(existsSync(join(node.directory, 'nowhere')), false);
      assert.ok(lstatSync(link).isSymbolicLink());
    });
  },
);

root('logFile outside of the log directory: nothing is written there, the attachment works, stderr says so', () => {
  withStandInNode({ built: true }, (node) => {
    const outside = join(node.directory, 'elsewhere.log');
    const env = { DRA_SRIOV_LOG_DIR: join(node.directory, 'devinfo') };
    const conf = node.conf({ deviceID: node.vfPcis[0], logFile: outside });
    for (const verb of ['ADD', 'DEL']) {
      const { stderr } = node.succeed(verb, conf, { env });
      for (const token of [`logFile ${outside} `, env.DRA_SRIOV_LOG_DIR]) assert.match(stderr, token);
      assert.match(stderr, 'level=info');
    }
    assert.is(existsSync(outside), false);
  });
});

root('no value can forge a line or drive a terminal', () => {
  withStandInNode({ built: true }, (node) => {
    const evil = 'x\ntime=2026-01-01T00:00:00.000Z level=error msg="forged"\u001b[31m\u2028\u202e';
    const attempts: CniOutcome[] = [
      node.cni('ADD', node.conf({ deviceID: evil })),
      node.cni('ADD', node.conf({ vlan: evil, [evil]: 1 })),
      node.cni('ADD', node.conf({ deviceID: node.vfPcis[0], [`vlan\n`]: 1, vlan: -1 })),
      node.cni('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: { type: evil } })),
      node.cni('ADD', node.conf(), { args: `IgnoreUnknown=1;K8S_POD_NAME=${evil.replaceAll('=', '')}` }),
    ];
    for (const { status, stdout, stderr } of attempts) {
      assert.is(status, 1);
      assertWellFormed(stderr);
      assert.is(lines(stdout).length, 1);
      for (const text of [stdout, stderr]) assert.equal(controlsIn(text), [], text);
    }
  });
});

root('a closed stderr is no reason to fail', () => {
  withStandInNode({ built: true }, (node) => {
    const program = ['sh', '-c', 'exec "$0" 2>&-', builtExecutable];
    const conf = node.conf({ deviceID: node.vfPcis[0] });
    node.succeed('ADD', conf, { program });
    node.succeed('DEL', conf, { program });
    assert.equal(node.stateFiles(), []);
  });
});

root('bad log settings keep no pod from its network: every verb warns, and writes to stderr from info on', () => {
  withStandInNode({ built: true }, (node) => {
    const files = ['sriov.log', './sriov.log', '/var/log/../x', '/var/log/a\nb', 7];
    for (const [logFile, logLevel] of files.flatMap((file) => ['loud', 3].map((level) => [file, level] as const))) {
      const conf = node.conf({ deviceID: node.vfPcis[0], logLevel, logFile });
      for (const verb of ['ADD', 'DEL']) {
        const { stderr } = node.succeed(verb, conf);
        assertWellFormed(stderr);
        assert.match(stderr, /level=warning.*key=logLevel problem=".*debug/);
        assert.match(stderr, /level=warning.*key=logFile problem=".*absolute path/);
        assert.match(stderr, 'level=info');
      }
    }
    assert.equal(node.stateFiles(), []);
  });
});
