import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasGo } from '../support/go.ts';
import { asRoot } from '../support/netns.ts';
import { peer, peerDir } from '../support/peers.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { addressesOf, linkNames } from './pod-view.ts';

const test = suite('cnitool');
const cnitool = peer('cnitool');

const asRootWithCnitool: (name: string, body: () => void) => void =
  cnitool === null
    ? (name) => test.skip(name, 'there is no cnitool on this machine: it needs Go', { allowedInCi: !hasGo() })
    : asRoot(test);

const walkThrough = join(import.meta.dirname, '../../conf-examples/cnitool/walk-through.sh');

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program in the host's network namespace, with a /var/lib/cni of its own: libcni and host-local keep files
 * there.
 */
function runOnHost(node: StandInNode, variables: Readonly<Record<string, string>>, ...program: readonly string[]): Run {
  const plugins = join(node.directory, 'bin');
  if (!existsSync(plugins)) {
    mkdirSync(plugins);
    mkdirSync(join(node.directory, 'var-lib-cni'));
    symlinkSync(builtExecutable, join(plugins, 'sriov'));
    for (const name of ['host-local', 'tuning']) symlinkSync(join(peerDir(), name), join(plugins, name));
  }
  const privately = 'mkdir -p /var/lib/cni && mount --bind "$0" /var/lib/cni && exec "$@"';
  const shell = ['unshare', '--mount', 'sh', '-c', privately, join(node.directory, 'var-lib-cni'), ...program];
  return spawnSync('nsenter', [`--net=${node.host.path}`, ...shell], {
    env: { ...node.environment, CNI_PATH: plugins, CNITOOL: cnitool ?? '', ...variables },
    encoding: 'utf8',
    timeout: 120_000,
  });
}

/** A configuration directory that holds this one file. */
function writeNetwork(node: StandInNode, file: string, config: unknown): string {
  const directory = join(node.directory, 'net.d');
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, file), JSON.stringify(config));
  return directory;
}

function cnitoolOn(
  node: StandInNode,
  verb: string,
  network: string,
  variables: Readonly<Record<string, string>> = {},
): Run {
  const env = { NETCONFPATH: join(node.directory, 'net.d'), CNI_IFNAME: 'net1', ...variables };
  return runOnHost(node, env, cnitool ?? '', verb, network, node.pod.path);
}

function succeed(run: Run): Run {
  assert.is(run.status, 0, `${run.stdout}\n${run.stderr}`);
  return run;
}

asRootWithCnitool('the walk-through of conf-examples, as it is', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const { stdout } = succeed(runOnHost(node, {}, walkThrough, node.vfPcis[1] ?? ''));
    for (const part of ['== ADD', 'inet 10.0.13.2/24', '== CHECK', '== DEL', '== done']) assert.match(stdout, part);
    assert.equal(node.picture(), before);
    assert.is(existsSync('/run/netns/dra-sriov-walk-through'), false);
  });
});

asRootWithCnitool('the walk-through with a VF that isn’t there fails, and cleans up', () => {
  withStandInNode({ built: true }, (node) => {
    const before = node.picture();
    const { status, stdout, stderr } = runOnHost(node, {}, walkThrough, '0000:ff:1f.7');
    assert.ok(status !== 0 && status !== null);
    assert.match(`${stdout}${stderr}`, '0000:ff:1f.7');
    assert.equal(node.picture(), before);
    assert.is(existsSync('/run/netns/dra-sriov-walk-through'), false);
    assert.match(runOnHost(node, {}, walkThrough).stderr, 'usage');
  });
});

asRootWithCnitool('a conf of one plugin: add, check, del', () => {
  withStandInNode({ built: true }, (node) => {
    for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0']) {
      const conf = node.conf({ cniVersion, type: 'sriov', deviceID: node.vfPcis[0], ipam: node.ipam() });
      writeNetwork(node, '10-vf.conf', conf);
      const before = node.picture();
      const { stdout } = succeed(cnitoolOn(node, 'add', 'vf-test1'));
      assert.is((JSON.parse(stdout) as { cniVersion: string }).cniVersion, cniVersion);
      assert.is(addressesOf(node.pod, 'net1').length, 1);
      if (cniVersion !== '0.3.1') {
        succeed(cnitoolOn(node, 'check', 'vf-test1'));
        node.pod.run('ip', 'link', 'set', 'net1', 'mtu', '1400');
        node.pod.run('ip', 'addr', 'flush', 'dev', 'net1');
        const { status, stderr, stdout: said } = cnitoolOn(node, 'check', 'vf-test1');
        assert.ok(status !== 0);
        assert.match(`${stderr}${said}`, 'is missing');
      }
      for (let time = 0; time < 2; time++) succeed(cnitoolOn(node, 'del', 'vf-test1'));
      assert.equal(node.picture(), before);
    }
  });
});

asRootWithCnitool('a conflist with tuning behind: its MTU passes CHECK, and all is given back', () => {
  withStandInNode({ built: true }, (node) => {
    const plugins = [
      { type: 'sriov', capabilities: { deviceID: true, mac: true }, ipam: node.ipam() },
      { type: 'tuning', mtu: 1400, sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' } },
    ];
    writeNetwork(node, '10-vf.conflist', { cniVersion: '1.0.0', name: 'vf-test1', plugins });
    const before = node.picture();
    const capabilities = { CAP_ARGS: JSON.stringify({ deviceID: node.vfPcis[1], mac: '02:00:00:00:00:07' }) };
    const { stdout } = succeed(cnitoolOn(node, 'add', 'vf-test1', capabilities));
    assert.match(stdout, '02:00:00:00:00:07');
    const [link] = node.pod.ip('link', 'show', 'net1') as [{ address: string; mtu: number }];
    assert.equal([link.address, link.mtu], ['02:00:00:00:00:07', 1400]);
    succeed(cnitoolOn(node, 'check', 'vf-test1', capabilities));
    succeed(cnitoolOn(node, 'del', 'vf-test1', capabilities));
    assert.equal(node.picture(), before);
  });
});

asRootWithCnitool('gc and status through libcni, 1.1.0', () => {
  withStandInNode({ built: true }, (node) => {
    const plugins = [{ type: 'sriov', deviceID: node.vfPcis[0], ipam: node.ipam() }];
    writeNetwork(node, '10-vf.conflist', { cniVersion: '1.1.0', name: 'vf-test1', plugins });
    const before = node.picture();
    succeed(cnitoolOn(node, 'status', 'vf-test1'));
    assert.equal(node.picture(), before);
    succeed(cnitoolOn(node, 'add', 'vf-test1'));
    assert.ok(linkNames(node.pod).includes('net1'));
    // libcni sends DEL for the attachments in its cache. cnitool gives GC no list of valid attachments, and without one
    // GC reclaims only those of dead pods.
    succeed(cnitoolOn(node, 'gc', 'vf-test1'));
    assert.equal(linkNames(node.pod), ['lo']);
    assert.equal(node.picture(), before);
    const gone = { DRA_SRIOV_SYSFS: join(node.directory, 'nowhere') };
    const { status, stdout, stderr } = cnitoolOn(node, 'status', 'vf-test1', gone);
    assert.ok(status !== 0);
    assert.match(`${stdout}${stderr}`, 'nowhere');
  });
});
