import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, withNetns } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, failing, printing } from './fake-ipam.ts';
import { linkNames } from './pod-view.ts';

const test = suite('gc-status');
const root = asRoot(test);

type Attachment = readonly [containerID: string, ifname: string];

const listed = (...attachments: readonly Attachment[]): unknown =>
  attachments.map(([containerID, ifname]) => ({ containerID, ifname }));

const answer = printing({ cniVersion: '1.1.0', ips: [{ address: '10.0.2.5/24' }] });

/** Two VFs in one pod and one in another, all of one network, with an IPAM plugin that knows GC and STATUS. */
function withThree(
  body: (node: StandInNode, conf: Record<string, unknown>, ipam: FakeIpam) => void,
  answers: Readonly<Record<string, string>> = {},
): void {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    withNetns((other) => {
      const ipam = new FakeIpam(node, { ADD: answer, ...answers });
      const conf = node.conf({ cniVersion: '1.1.0', ipam: { type: ipam.type } });
      const add = (index: number, containerId: string, ifname: string, netns = node.pod.path): void => {
        node.succeed('ADD', { ...conf, deviceID: node.vfPcis[index] }, { containerId, ifname, netns, env: ipam.env });
      };
      add(0, 'c1', 'net1');
      add(1, 'c1', 'net2');
      add(2, 'c2', 'net1', other.path);
      body(node, conf, ipam);
      for (const [containerId, ifname] of [
        ['c1', 'net1'],
        ['c1', 'net2'],
        ['c2', 'net1'],
      ] as const) {
        node.succeed('DEL', conf, { containerId, ifname, env: ipam.env });
      }
      assert.equal(node.stateFiles(), []);
    });
  });
}

function hostVfs(node: StandInNode): string[] {
  return linkNames(node.host)
    .filter((name) => name.startsWith('vf'))
    .sort();
}

for (const key of ['cni.dev/valid-attachments', 'cni.dev/attachments']) {
  root(`GC reaps what ${key} lacks, and keeps what it lists`, () => {
    withThree((node, conf, ipam) => {
      const gc = (...valid: readonly Attachment[]): void => {
        const { stdout } = node.succeed('GC', { ...conf, [key]: listed(...valid) }, { env: ipam.env });
        assert.is(stdout, '');
      };
      gc(['c1', 'net1'], ['c1', 'net2'], ['c2', 'net1']);
      assert.equal(hostVfs(node), ['vf3']);
      assert.is(ipam.verbs.includes('DEL'), false);
      gc(['c1', 'net1'], ['c2', 'net1'], ['c9', 'net7']);
      assert.equal(hostVfs(node), ['vf1', 'vf3']);
      assert.equal(linkNames(node.pod).sort(), ['lo', 'net1']);
      assert.ok(
        ipam.calls.some((call) => call.startsWith('DEL c1 net2')),
        'its address is released',
      );
      gc();
      assert.equal(hostVfs(node), ['vf0', 'vf1', 'vf2', 'vf3']);
      assert.equal(node.stateFiles(), []);
      assert.is(ipam.verbs.filter((verb) => verb === 'GC').length, 3, 'the IPAM plugin has its GC too');
    });
  });
}

root('of both keys the newer counts', () => {
  withThree((node, conf, ipam) => {
    const both = { 'cni.dev/valid-attachments': listed(['c1', 'net1'], ['c1', 'net2'], ['c2', 'net1']) };
    node.succeed('GC', { ...conf, ...both, 'cni.dev/attachments': [] }, { env: ipam.env });
    assert.equal(hostVfs(node), ['vf3']);
  });
});

root('a list that is missing or malformed costs no living pod an attachment', () => {
  withThree((node, conf, ipam) => {
    const key = 'cni.dev/valid-attachments';
    const lists = ['x', {}, [7], [{ ifname: 'net1' }], [{ containerID: 'c1' }], [{ containerID: '../x', ifname: 'a' }]];
    for (const list of lists) {
      const error = node.fail('GC', { ...conf, [key]: list }, { env: ipam.env });
      assert.is(error.code, 7, error.msg);
      assert.match(error.msg, key);
    }
    for (const list of [undefined, null]) node.succeed('GC', { ...conf, [key]: list }, { env: ipam.env });
    assert.equal(hostVfs(node), ['vf3']);
  });
});

root('GC is for one network alone', () => {
  withThree((node, conf, ipam) => {
    node.succeed('GC', { ...conf, name: 'another', 'cni.dev/valid-attachments': [] }, { env: ipam.env });
    assert.equal(hostVfs(node), ['vf3']);
  });
});

root('what the runtime says is no more goes with GC, though its address can’t be released; the log names it', () => {
  withThree(
    (node, conf, ipam) => {
      const { stderr } = node.succeed('GC', { ...conf, 'cni.dev/valid-attachments': [] }, { env: ipam.env });
      assert.match(stderr, /level=error.*net2 .*c1 is stuck/);
      assert.equal(hostVfs(node), ['vf0', 'vf1', 'vf2', 'vf3']);
      assert.equal(node.stateFiles(), []);
    },
    { DEL: `if [ "$CNI_CONTAINERID-$CNI_IFNAME" = c1-net2 ]; then ${failing(17, 'c1 is stuck')}; fi` },
  );
});

root('GC goes on where one fails: 114, all that is left is named', () => {
  withThree((node, conf, ipam) => {
    withNetns((elsewhere) => {
      node.pod.run('ip', 'link', 'set', 'net2', 'netns', elsewhere.path);
      const error = node.fail('GC', { ...conf, 'cni.dev/valid-attachments': [] }, { env: ipam.env });
      assert.is(error.code, 114);
      assert.match(error.msg, /net2 .*c1.*network namespace/);
      assert.equal(hostVfs(node), ['vf0', 'vf2', 'vf3']);
      elsewhere.run('ip', 'link', 'set', 'net2', 'netns', node.pod.path);
      node.succeed('GC', { ...conf, 'cni.dev/valid-attachments': [] }, { env: ipam.env });
      assert.equal(hostVfs(node), ['vf0', 'vf1', 'vf2', 'vf3']);
      assert.equal(node.stateFiles(), []);
    });
  });
});

root('GC with host-local, which has none: addresses are released by DEL', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    const newer = { ...conf, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] };
    node.succeed('GC', { ...newer, ipam: undefined });
    assert.equal(node.picture(), before);
    node.succeed('GC', { ...newer, ipam: undefined });
  });
});

root('STATUS: nothing to say where all is well', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const { stdout } = node.succeed('STATUS', node.conf({ cniVersion: '1.1.0' }), { env: { CNI_PATH: undefined } });
    assert.is(stdout, '');
    const ipam = new FakeIpam(node, { STATUS: 'true' });
    const conf = node.conf({ cniVersion: '1.1.0', ipam: { type: ipam.type } });
    node.succeed('STATUS', conf, { env: { ...ipam.env, CNI_CONTAINERID: undefined, CNI_IFNAME: undefined } });
    assert.equal(ipam.verbs, ['STATUS']);
    assert.equal(node.picture(), before);
  });
});

root('STATUS: code 50 with what is missing, the IPAM plugin’s own 50 and 51, and older plugins without STATUS', () => {
  withStandInNode({ built: true }, (node) => {
    const ask = (script: string): number => {
      const ipam = new FakeIpam(node, { STATUS: script });
      const conf = node.conf({ cniVersion: '1.1.0', ipam: { type: ipam.type } });
      const { status, json } = node.cni('STATUS', conf, { env: ipam.env });
      return status === 0 ? 0 : (json as { code: number }).code;
    };
    assert.is(ask(failing(50, 'the server is gone')), 50);
    assert.is(ask(failing(51, 'half of the servers are gone')), 51);
    assert.is(ask(failing(4, 'unknown CNI_COMMAND: STATUS')), 0);
    assert.is(ask(failing(7, 'my configuration is wrong')), 50);
    assert.is(ask('exit 1'), 50);
    const missing = node.fail('STATUS', node.conf({ cniVersion: '1.1.0', ipam: { type: 'no-such-ipam' } }));
    assert.match(missing.msg, 'no-such-ipam');
    const sys = join(node.directory, 'sys');
    renameSync(sys, `${sys}-gone`);
    const error = node.fail('STATUS', node.conf({ cniVersion: '1.1.0' }));
    assert.is(error.code, 50);
    assert.match(error.msg, sys);
    renameSync(`${sys}-gone`, sys);
  });
});

root('STATUS: a state directory that can’t be made', () => {
  withStandInNode({ built: true }, (node) => {
    const file = join(node.directory, 'file');
    writeFileSync(file, '');
    chmodSync(file, 0o600);
    const env = { DRA_SRIOV_STATE_DIR: join(file, 'state') };
    const error = node.fail('STATUS', node.conf({ cniVersion: '1.1.0' }), { env });
    assert.is(error.code, 50);
    assert.match(error.msg, file);
  });
});
