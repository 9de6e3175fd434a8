import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MemoryNode, vfPci } from '../../../support/memory-node.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../../support/memory-platform.ts';
import { type Operation, operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';
import { withTemporaryDirectory } from '../../../support/temporary-directory.ts';
import { checkpoint, claimA, claimSpec, podSpec, podUid } from '../../allocation/fixture.ts';

const test = suite('cli/sysdump');

const output = '/root/node.tar';
const other = '7b3e9b1d-22bb-4d68-8e6f-4a2c1b8d0f12';
const argsOf = (name: string, uid: string) => ({
  CNI_ARGS: `IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=${name};K8S_POD_UID=${uid}`,
});

/** A node with a pod that is well, one that died without a DEL, one that waits, and faults of each kind. */
function busyNode(): MemoryNode {
  const node = new MemoryNode({ vfs: 4 });
  const { files } = node.platform;
  const place = (texts: Readonly<Record<string, string>>): void => {
    for (const [path, text] of Object.entries(texts)) files.set(path, text);
  };
  place(podSpec([vfPci(0), vfPci(2)]));
  place(claimSpec(claimA, { [vfPci(0)]: 'vf-net', [vfPci(2)]: 'vf-net' }));
  place(checkpoint([{ claim: claimA, pci: vfPci(0), nad: 'vf-net' }]));
  place({
    [`/var/log/pods/ns_web_${podUid}/app/0.log`]: '',
    '/root/.profile': '',
    '/proc/sys/kernel/hostname': 'worker-1\n',
    '/proc/sys/kernel/osrelease': '6.1.0\n',
    '/var/log/dra-sriov/vf.log': 'time=2026-01-01T00:00:00.000Z level=info msg="attached" mac=52:54:00:00:00:03\n',
    '/etc/cni/net.d/00-multus.conf': '{"type":"multus","kubeconfig":"/etc/x","token":"s3cr3t"}',
    '/etc/cni/net.d/multus.d/multus.kubeconfig': 'token: s3cr3t',
    '/var/lib/cni/networks/vf-net/10.0.2.9': 'd'.repeat(64),
  });
  const conf = { cniVersion: '1.1.0', name: 'vf-net', type: 'dra-sriov', ipam: node.ipam(), vlan: 5 };
  node.succeed('ADD', conf, { env: argsOf('web', podUid) });
  const gone = node.addPod();
  node.succeed('ADD', { ...conf, deviceID: vfPci(1) }, { ...node.of(gone), env: argsOf('gone', other) });
  node.endPod(gone);
  Object.assign(node.vfs[0] ?? {}, { vlan: 6 });
  node.platform.links.delete(`/sys/bus/pci/devices/${vfPci(3)}/driver`);
  place({ [`/var/lib/cni/dra-sriov/vf-net/${'e'.repeat(12)}/net1.json`]: 'no JSON' });
  return node;
}

const commands = [
  ['inspect', '--json'],
  ['inspect', vfPci(0), '--json'],
  ['attachments', '--json'],
  ['doctor', '--json'],
  ['explain', 'ns/web', '--json'],
  ['explain', other, '--json'],
  ['resolve', '--pod-uid', podUid, '--json'],
  ['resolve', '--pod-uid', podUid, '--network', 'vf-net,vf-net', '--json'],
  ['resolve', '--pod-uid', 'nobody-knows-it', '--json'],
  ['inspect'],
  ['doctor'],
] as const;

/** The archive of a node. */
function archiveOf(node: MemoryNode, ...argv: readonly string[]): string {
  const { code, stderr } = operate(node.platform, 'sysdump', '--output', output, ...argv);
  assert.equal([code, stderr], [0, '']);
  return node.platform.files.get(output) ?? '';
}

/** Another machine, on which nothing of the node is. */
const elsewhere = (archive: string): MemoryPlatform =>
  createMemoryPlatform({
    files: { '/tmp/a.tar': archive, '/sys/class/net/x': '' },
    environment: { CNI_PATH: '/none' },
  });

const fromArchive = (archive: string, ...argv: readonly string[]): Operation =>
  operate(elsewhere(archive), ...argv, '--from', '/tmp/a.tar');

/** Addresses by the order in which they come. */
function numbered(text: string): string {
  const known: string[] = [];
  return text.replace(/(?:[\da-f]{2}:){5}[\da-f]{2}|\d+(?:\.\d+){3}/g, (address) => {
    if (!known.includes(address)) known.push(address);
    return `<${known.indexOf(address)}>`;
  });
}

test('away from the node each command says what it said there', () => {
  const node = busyNode();
  const live = commands.map((argv) => operate(node.platform, ...argv));
  const [before, changes] = [node.picture(), node.changes.length];
  const whole = archiveOf(node, '--with-addresses');
  assert.equal([node.picture(), node.changes.length], [before, changes]);
  assert.equal(live.filter(({ code }) => code === 1).length, 5);
  for (const [at, argv] of commands.entries()) {
    const { code, stdout, stderr } = fromArchive(whole, ...argv);
    assert.equal([code, stdout], [live[at]?.code, live[at]?.stdout], argv.join(' '));
    assert.match(stderr, 'Node worker-1 as it was at 2026-01-01T');
  }
});

test('addresses are replaced, the same by the same, unless they are asked for; secrets are never in it', () => {
  const node = busyNode();
  const live = commands.map((argv) => operate(node.platform, ...argv));
  node.platform.files.delete(output);
  const archive = archiveOf(node);
  for (const [at, argv] of commands.entries()) {
    const { code, stdout, stderr } = fromArchive(archive, ...argv);
    assert.equal([code, numbered(stdout)], [live[at]?.code, numbered(live[at]?.stdout ?? '')], argv.join(' '));
    assert.match(stderr.replace(/\s+/g, ' '), 'addresses are not the real ones');
  }
  assert.not.match(archive, /52:54:|10\.0\.2\.5(?!\d)|525400|0a000205/);
  node.platform.files.delete(output);
  const whole = archiveOf(node, '--with-addresses');
  assert.match(whole, '52:54:00:00:00:03');
  for (const each of [archive, whole]) assert.not.match(each, 's3cr3t');
  assert.match(archive, 'log/vf.log');
});

test('its file is for its owner alone, and nothing that is there is replaced or followed', () => {
  const node = busyNode();
  archiveOf(node);
  assert.is(node.platform.modes.get(output), 0o600);
  const again = operate(node.platform, 'sysdump', '--output', output);
  assert.equal([again.code, again.stdout], [1, '']);
  node.platform.links.set('/root/link.tar', '/etc/passwd');
  assert.is(operate(node.platform, 'sysdump', '--output', '/root/link.tar').code, 1);
  assert.is(node.platform.files.has('/etc/passwd'), false);
  const { code, stdout } = operate(node.platform, 'sysdump', '--output', '-');
  assert.equal([code, fromArchive(stdout, 'inspect').code], [0, 0]);
});

test('tar lists and unpacks it', () => {
  const archive = archiveOf(busyNode());
  withTemporaryDirectory((directory) => {
    const path = join(directory, 'a.tar');
    writeFileSync(path, archive);
    const listed = spawnSync('tar', ['-tvf', path], { encoding: 'utf8' });
    assert.equal([listed.status, listed.stderr], [0, '']);
    assert.match(listed.stdout, /^-rw------- (0\/0|root\/root) +\d+ 2026-01-01 .* node\.json$/m);
    for (const name of ['reports/doctor.txt', 'node/var/lib/cni/dra-sriov/vf-net/c1/net1.json']) {
      const { status, stdout } = spawnSync('tar', ['-xOf', path, name], { encoding: 'utf8' });
      assert.equal([status, stdout.length > 0], [0, true], name);
    }
  });
});

test('what nobody asked then is not known, and says so', () => {
  const archive = archiveOf(busyNode());
  const platform = elsewhere(archive.replace(/"\[\\"ownNetns\\"\]/, '"[\\"pid\\",1]'));
  const broken = operate(platform, 'inspect', '--from', '/tmp/a.tar');
  assert.is(broken.code, 1);
  assert.match(broken.stderr, /damaged|no answer that fits/);
});

test('a config file of resolve is of the machine that it runs on', () => {
  const platform = elsewhere(archiveOf(busyNode()));
  platform.files.set('/tmp/net.json', '{"name":"vf-net","type":"dra-sriov"}');
  const argv = ['resolve', '--pod-uid', podUid, '--config', '/tmp/net.json', '--json', '--from', '/tmp/a.tar'];
  const { json } = operate(platform, ...argv) as { json: { plans: readonly { vf: string }[] } };
  assert.is(json.plans[0]?.vf, vfPci(0));
});
