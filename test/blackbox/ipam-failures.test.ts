import { copyFileSync, existsSync, linkSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { asRoot, withNetns } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { expectEnded } from './ended.ts';
import { FakeIpam, failing, printing } from './fake-ipam.ts';

const test = suite('ipam-failures');
const root = asRoot(test);

const oneAddress = printing({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.5/24' }] });

function confWith(node: StandInNode, ipam: FakeIpam): Record<string, unknown> {
  return node.conf({ deviceID: node.vfPcis[0], mtu: 1400, ipam: { type: ipam.type } });
}

/** ADD with an IPAM plugin that gives this answer must fail with `code`, and undo all by one DEL of the plugin. */
function assertRolledBack(answer: string, code: number, ...parts: readonly string[]): void {
  withStandInNode({ built: true }, (node) => {
    const ipam = new FakeIpam(node, { ADD: answer });
    const before = node.picture();
    const error = node.fail('ADD', confWith(node, ipam), { env: ipam.env });
    assert.is(error.code, code, error.msg);
    const text = `${error.msg} ${error.details}`;
    for (const part of parts) assert.ok(text.includes(part), `${part} is not in: ${text}`);
    assert.equal(node.picture(), before);
    assert.equal(ipam.calls, [`ADD c1 net1 ${node.pod.path}`, `DEL c1 net1 ${node.pod.path}`]);
  });
}

root('an IPAM plugin that is not there is refused before any change', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type: 'no-such-ipam' } });
    const error = node.fail('ADD', conf);
    assert.is(error.code, 111);
    assert.match(error.msg, 'no-such-ipam');
    for (const path of ['/nonexistent', 'relative/path', `${node.directory}/cdi`]) {
      const refused = node.fail('ADD', conf, { env: { CNI_PATH: path } });
      assert.is(refused.code, path.startsWith('/') ? 111 : 4, refused.msg);
      assert.match(refused.msg, path);
    }
    assert.equal(node.picture(), before);
    assert.is(existsSync(join(node.directory, 'state/vf-test1')), false);
  });
});

root('an IPAM plugin that fails: its own code, message and details, all undone, its DEL called', () => {
  assertRolledBack(failing(42, 'no more addresses', 'in pool x'), 42, 'fake-ipam', 'no more addresses', 'in pool x');
});

root(
  'an IPAM plugin that doesn’t speak the config’s version refuses ADD and DEL alike: its own code, and the pod can end',
  () => {
    withStandInNode({ built: true }, (node) => {
      const refusing = failing(1, 'incompatible CNI versions', 'config is "1.1.0", plugin supports ["1.0.0"]');
      const ipam = new FakeIpam(node, { ADD: refusing, DEL: refusing });
      const conf = confWith(node, ipam);
      const before = node.picture();
      const error = node.fail('ADD', conf, { env: ipam.env });
      assert.is(error.code, 1, error.msg);
      assert.match(String(error.details), 'plugin supports');
      assert.equal(node.picture(), before);
      assert.match(node.succeed('DEL', conf, { env: ipam.env }).stderr, 'fake-ipam');
      assert.equal(node.picture(), before);

      const given = new FakeIpam(node, { ADD: oneAddress, DEL: refusing });
      node.succeed('ADD', conf, { env: given.env });
      assert.is(node.fail('DEL', conf, { env: given.env }).code, 109, 'an address that it gave is not forgotten');
      node.succeed('DEL', conf, { env: new FakeIpam(node, { ADD: oneAddress }).env });
      assert.equal(node.picture(), before);
    });
  },
);

root('an IPAM plugin that ends without a word, or by a signal', () => {
  assertRolledBack('exit 3', 111, 'fake-ipam', 'exit code 3');
  assertRolledBack('echo something is wrong >&2; exit 1', 111, 'fake-ipam', 'something is wrong');
  assertRolledBack('kill -9 $$', 111, 'fake-ipam', 'SIGKILL');
});

root('an IPAM plugin whose answer is no result', () => {
  assertRolledBack('echo garbage', 6, 'fake-ipam', 'garbage');
  assertRolledBack('true', 6, 'fake-ipam');
  assertRolledBack(printing([]), 6, 'fake-ipam');
  assertRolledBack(printing({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.5' }] }), 6, 'fake-ipam', 'ips[0].address');
  assertRolledBack(printing({ cniVersion: '8.0.0', ips: [] }), 6, 'fake-ipam', '8.0.0');
});

root('an IPAM plugin that gives no address, or none that an interface can have', () => {
  const unusable = ['0.0.0.0/0', '300.0.2.5/24', '224.0.0.5/24', 'ff02::5/64'];
  for (const address of unusable) {
    assertRolledBack(printing({ cniVersion: '1.0.0', ips: [{ address: '10.0.2.5/24' }, { address }] }), 111, address);
  }
  assertRolledBack(printing({ cniVersion: '1.0.0', dns: { domain: 'x' } }), 111, 'fake-ipam', 'no address');
});

root('an IPAM plugin that prints an error is believed, whatever its exit code and whatever its code', () => {
  assertRolledBack(printing({ code: 42, msg: 'no more addresses' }), 42, 'no more addresses');
  for (const status of [0, 1]) {
    assertRolledBack(`echo '{"code":1e999,"msg":"endless"}'; exit ${status}`, 111, 'endless', '1e999');
    assertRolledBack(`echo '{"code":-1,"msg":"below","details":"why"}'; exit ${status}`, 111, 'below', 'why; ', '-1');
  }
});

root('an IPAM plugin that refuses ADD and DEL alike leaves nothing, and its pod can end', () => {
  withStandInNode({ built: true }, (node) => {
    const refusing = failing(999, 'no range set');
    const ipam = new FakeIpam(node, { ADD: refusing, DEL: refusing });
    const before = node.picture();
    assert.is(node.fail('ADD', confWith(node, ipam), { env: ipam.env }).code, 999);
    assert.equal(node.picture(), before);
    assert.match(node.succeed('DEL', confWith(node, ipam), { env: ipam.env }).stderr, /level=warning.*no range set/);
    node.succeed('DEL', node.conf({ ipam: { type: 'no-such-ipam' } }));
    assert.equal(node.picture(), before);
  });
});

root('this plugin as its own IPAM plugin, by whatever name: 7 before any change', () => {
  withStandInNode({ built: true }, (node) => {
    const directory = join(node.directory, 'names');
    mkdirSync(directory);
    copyFileSync(builtExecutable, join(directory, 'a-copy'));
    linkSync(join(directory, 'a-copy'), join(directory, 'a-hard-link'));
    symlinkSync(builtExecutable, join(directory, 'a-link'));
    const env = { CNI_PATH: directory };
    const before = node.picture();
    for (const type of ['sriov', 'dra-sriov', 'a-copy', 'a-hard-link', 'a-link']) {
      const conf = node.conf({ deviceID: node.vfPcis[0], ipam: { type } });
      const error = node.fail('ADD', conf, { env });
      assert.is(error.code, 7, error.msg);
      assert.match(error.msg, `"${type}"`);
      node.succeed('DEL', conf, { env });
      assert.equal(node.picture(), before);
    }
    assert.is(existsSync(join(node.directory, 'state/vf-test1')), false);
  });
});

root('an IPAM plugin that floods stderr is let be: what is too much is dropped', () => {
  withStandInNode({ built: true }, (node) => {
    const flood = 'head -c 20000000 /dev/zero | tr "\\0" x >&2';
    const ipam = new FakeIpam(node, { ADD: `echo first >&2\n${flood}\n${oneAddress}`, DEL: flood });
    const before = node.picture();
    const { stderr } = node.succeed('ADD', confWith(node, ipam), { env: ipam.env });
    assert.match(stderr, 'first');
    assert.ok(stderr.length < 100_000, `${stderr.length} bytes`);
    node.succeed('DEL', confWith(node, ipam), { env: ipam.env });
    assert.equal(node.picture(), before);
  });
});

root('what an IPAM plugin leaves running with its output open holds nobody up, and lives on', async () => {
  await withStandInNode({ built: true }, async (node) => {
    const pids = join(node.directory, 'pids');
    const leaving = (script: string): string => `sleep 600 &\necho $! >> '${pids}'\n${script}`;
    const ipam = new FakeIpam(node, { ADD: leaving(oneAddress), DEL: leaving('exit 0') });
    const before = node.picture();
    node.succeed('ADD', confWith(node, ipam), { env: ipam.env });
    node.succeed('DEL', confWith(node, ipam), { env: ipam.env });
    assert.equal(node.picture(), before);
    const left = readFileSync(pids, 'utf8').trim().split('\n');
    for (const pid of left) process.kill(Number(pid), 'SIGKILL');
    await expectEnded(left);
  });
});

root('DEL and CHECK give the IPAM plugin what the runtime has put into the config since ADD', () => {
  withStandInNode({ built: true }, (node) => {
    const ipam = new FakeIpam(node, { ADD: oneAddress });
    const conf = { ...confWith(node, ipam), cniVersion: '1.0.0' };
    const prevResult = node.succeed('ADD', conf, { env: ipam.env }).json;
    const later = { ...conf, prevResult, runtimeConfig: { ips: ['10.0.2.5/24'] } };
    for (const verb of ['CHECK', 'DEL']) {
      node.succeed(verb, later, { env: ipam.env });
      assert.equal(JSON.parse(readFileSync(join(node.directory, 'ipam-stdin'), 'utf8')), later, verb);
    }
  });
});

root('an IPAM plugin whose routes the kernel does not take', () => {
  const dst = { dst: '10.9.0.0/16', gw: '192.168.7.1' };
  const unreachable = { cniVersion: '1.0.0', ips: [{ address: '10.0.2.5/24' }], routes: [dst] };
  assertRolledBack(printing(unreachable), 113, '192.168.7.1', 'ENETUNREACH');
});

root('an IPAM plugin that floods us is ended, not waited for', () => {
  assertRolledBack('yes 0123456789012345678901234567890123456789', 111, 'fake-ipam', 'more than');
});

root('what an IPAM plugin writes to stderr is in our log, on one line, and not on stdout', () => {
  withStandInNode({ built: true }, (node) => {
    const ipam = new FakeIpam(node, { ADD: `printf 'note one\\ntime=now level=error forged\\n' >&2\n${oneAddress}` });
    const { stderr, stdout } = node.succeed('ADD', confWith(node, ipam), { env: ipam.env });
    assert.match(stderr, 'note one');
    assert.not.match(stderr, /^time=now/m);
    assert.not.match(stdout, 'note');
    node.succeed('DEL', confWith(node, ipam), { env: ipam.env });
  });
});

root('it gets the whole config, CNI_ARGS and the environment of the call', () => {
  withStandInNode({ built: true }, (node) => {
    const seen = join(node.directory, 'seen');
    const ipam = new FakeIpam(node, { ADD: `env > '${seen}'\n${oneAddress}` });
    const conf = { ...confWith(node, ipam), unknownToUs: { deep: [1, 2] } };
    const args = 'IgnoreUnknown=1;K8S_POD_NAME=p;X=y';
    node.succeed('ADD', conf, { args, env: { ...ipam.env, SOMETHING: 'else' } });
    const variables = readFileSync(seen, 'utf8').split('\n');
    for (const line of ['CNI_COMMAND=ADD', 'CNI_CONTAINERID=c1', 'CNI_IFNAME=net1', `CNI_NETNS=${node.pod.path}`]) {
      assert.ok(variables.includes(line), line);
    }
    assert.ok(variables.includes(`CNI_ARGS=${args}`) && variables.includes('SOMETHING=else'));
    assert.equal(JSON.parse(readFileSync(join(node.directory, 'ipam-stdin'), 'utf8')), conf);
    node.succeed('DEL', conf, { env: ipam.env });
  });
});

root('a DEL that the IPAM plugin refuses: 109, the record is kept; the next one completes', () => {
  withStandInNode({ built: true }, (node) => {
    const flag = join(node.directory, 'refuse');
    const ipam = new FakeIpam(node, { ADD: oneAddress, DEL: `[ ! -e '${flag}' ] || { ${failing(17, 'busy')}\n}` });
    const conf = confWith(node, ipam);
    const before = node.picture();
    node.succeed('ADD', conf, { env: ipam.env });
    node.host.run('touch', flag);
    const error = node.fail('DEL', conf, { env: ipam.env });
    assert.is(error.code, 109);
    assert.match(error.msg, 'busy');
    assert.ok(node.stateFiles().length > 0);
    node.host.run('rm', flag);
    node.succeed('DEL', conf, { env: ipam.env });
    assert.equal(node.picture(), before);
  });
});

root('an exhausted subnet: host-local’s own code and message, all undone', () => {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    const ipam = node.ipam('10.0.2.0/30', { gateway: '10.0.2.1' });
    node.succeed('ADD', node.conf({ deviceID: node.vfPcis[0], ipam }));
    const attached = node.picture();
    withNetns((other) => {
      const conf = node.conf({ deviceID: node.vfPcis[2], mtu: 1400, ipam });
      const error = node.fail('ADD', conf, { containerId: 'c2', netns: other.path });
      assert.is(error.code, 999, 'host-local has no code of its own for this');
      assert.match(error.msg, /host-local.*no IP addresses available/);
      assert.equal(node.picture(), attached);
      assert.equal(node.leases(), ['10.0.2.2']);
      node.succeed('DEL', node.conf({ deviceID: node.vfPcis[0], ipam }));
      node.succeed('ADD', conf, { containerId: 'c2', netns: other.path });
      assert.equal(node.leases(), ['10.0.2.2']);
      node.succeed('DEL', conf, { containerId: 'c2', netns: other.path });
    });
  });
});

root('a failure after host-local gave an address: the address is free again', () => {
  withStandInNode({ built: true }, (node) => {
    const routes = [{ dst: '10.9.0.0/16', gw: '192.168.7.1' }];
    const before = node.picture();
    const error = node.fail('ADD', node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam('10.0.2.0/24', { routes }) }));
    assert.is(error.code, 113);
    assert.equal(node.picture(), before);
  });
});
