// Pods that sriov-cni attached, on stand-ins: `ip` does what sriov-cni does to the netdev, and its files have its form.
// The lab looks at the PF's settings, which stand-ins don't have.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { asRoot, type TestNetns, withNetns } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { formatSriovCniAttachment, untouchedVf } from '../support/sriov-cni-files.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const root = asRoot(suite('sriov-cni'));

interface Link {
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
}

/** ADD of sriov-cni for container `c1`: VF 0 as `net1` in the pod, with an address of host-local's. */
function attach(node: StandInNode, conf: Readonly<Record<string, unknown>>, pod: TestNetns = node.pod): void {
  const [pci = ''] = node.vfPcis;
  const [vf] = node.host.ip('link', 'show', 'vf0') as [Link];
  execFileSync(peer('host-local') ?? '', {
    input: JSON.stringify(conf),
    env: { CNI_COMMAND: 'ADD', CNI_CONTAINERID: 'c1', CNI_IFNAME: 'net1', CNI_NETNS: pod.path, CNI_PATH: '/' },
  });
  execFileSync('ip', ['-n', node.host.name, 'link', 'set', 'vf0', 'netns', pod.name, 'name', 'net1']);
  const set = (...args: string[]): void => {
    execFileSync('ip', ['-n', pod.name, 'link', 'set', 'net1', ...args]);
  };
  set('address', '02:00:00:00:00:01');
  set('mtu', '1300');
  set('up');
  const before = {
    ...untouchedVf,
    SpoofChk: false,
    AdminMAC: '00:00:00:00:00:00',
    EffectiveMAC: vf.address,
    MTU: vf.mtu,
  };
  mkdirSync(join(node.sriovCniDir, 'pci'), { recursive: true, mode: 0o700 });
  const text = formatSriovCniAttachment(conf, { pci, pf: 'pf0', index: 0, before });
  writeFileSync(join(node.sriovCniDir, 'c1-net1'), text, { mode: 0o600 });
  writeFileSync(join(node.sriovCniDir, 'pci', pci), pod.path, { mode: 0o600 });
}

function withMigratedNode(body: (node: StandInNode, conf: Record<string, unknown>, before: unknown) => void): void {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ type: 'sriov', deviceID: node.vfPcis[0], mac: '02:00:00:00:00:01', ipam: node.ipam() });
    const before = node.picture();
    attach(node, conf);
    body(node, conf, before);
  });
}

function filesOf(node: StandInNode): string[] {
  return [...readdirSync(node.sriovCniDir), ...readdirSync(join(node.sriovCniDir, 'pci'))].filter(
    (name) => name !== 'pci',
  );
}

root('DEL brings VF, name, MAC, MTU and address back and removes sriov-cni’s files', () => {
  withMigratedNode((node, conf, before) => {
    assert.equal(node.leases(), ['10.0.2.2']);
    for (let time = 0; time < 2; time++) {
      const { stdout } = node.succeed('DEL', conf);
      assert.is(stdout, '');
      assert.equal(node.picture(), before);
      assert.equal(filesOf(node), []);
    }
  });
});

root('ADD waits until sriov-cni is done with the VF, and leaves the file of its lock', async () => {
  await withStandInNode({ built: true }, async (node) => {
    const [pci = ''] = node.vfPcis;
    const lock = join(node.sriovCniDir, 'pci/vf_lock', `${pci}.lock`);
    mkdirSync(dirname(lock), { recursive: true, mode: 0o700 });
    const done = join(node.directory, 'sriov-cni-is-done');
    const holder = spawn('flock', [lock, '-c', `echo locked; sleep 1; touch '${done}'`]);
    await once(holder.stdout, 'data');
    node.succeed('ADD', node.conf({ deviceID: pci }));
    assert.ok(existsSync(done));
    assert.ok(existsSync(lock));
    rmSync(lock);
    node.succeed('DEL', node.conf({ deviceID: pci }));
    node.succeed('ADD', node.conf({ deviceID: pci }));
    assert.is(statSync(lock).size, 0);
    execFileSync('flock', ['-n', lock, 'true']);
    node.succeed('DEL', node.conf({ deviceID: pci }));
  });
});

root('ADD of another pod is refused while the pod lives, and made when it is dead', () => {
  withMigratedNode((node, conf) => {
    withNetns((other) => {
      const call = { containerId: 'c2', netns: other.path };
      const picture = node.picture();
      const error = node.fail('ADD', conf, call);
      assert.is(error.code, 102);
      assert.match(error.msg, node.pod.path);
      assert.equal(node.picture(), picture);
      execFileSync('ip', ['-n', node.pod.name, 'link', 'set', 'net1', 'netns', node.host.name]);
      mkdirSync(join(node.directory, 'sys/bus/pci/devices', node.vfPcis[0] ?? '', 'net/net1'));
      node.succeed('ADD', conf, call);
      assert.equal(filesOf(node), ['c1-net1']);
      node.succeed('DEL', conf);
      assert.equal(filesOf(node), []);
      assert.equal((other.ip('link', 'show', 'net1') as [Link])[0].address, '02:00:00:00:00:01');
      node.succeed('DEL', conf, call);
    });
  });
});

const hostile: Readonly<Record<string, (path: string) => void>> = {
  'is a link': (path) => {
    renameSync(path, `${path}.real`);
    symlinkSync(`${path}.real`, path);
  },
  'others may write': (path) => chmodSync(path, 0o666),
  'is a directory': (path) => {
    rmSync(path);
    mkdirSync(path);
  },
  'is no JSON': (path) => writeFileSync(path, '{"OrigVfState":'),
  'is endless': (path) => writeFileSync(path, ' '.repeat(2 * 1024 * 1024)),
};

for (const [what, spoil] of Object.entries(hostile)) {
  root(`DEL leaves a VF alone whose file ${what}, says so, and releases the address`, () => {
    withMigratedNode((node, conf) => {
      spoil(join(node.sriovCniDir, 'c1-net1'));
      const { stderr } = node.succeed('DEL', conf);
      assert.match(stderr, 'c1-net1');
      assert.is((node.pod.ip('link', 'show', 'net1') as [Link])[0].ifname, 'net1');
      assert.equal(node.leases(), []);
    });
  });
}
