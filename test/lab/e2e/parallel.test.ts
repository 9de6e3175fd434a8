import type { CniErrorJson, CniOutcome, CniResultJson } from '../../support/cni-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { type LabCall, type LabNode, nth, since11 } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/parallel'), { vfs: [7, 7] });

const timeoutMs = 300_000;

interface Call extends LabCall {
  readonly conf: unknown;
}

const quote = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

/** Runs all calls at the same time, a process each. */
async function together(node: LabNode, command: string, calls: readonly Call[]): Promise<CniOutcome[]> {
  const folder = '/tmp/together';
  const lines = calls.map((call, at) => {
    const variables = Object.entries(node.environment(command, call)).map(([name, value]) => quote(`${name}=${value}`));
    const stdin = quote(JSON.stringify(call.conf));
    return `{ printf %s ${stdin} | env ${variables.join(' ')} /opt/cni/bin/sriov >${at}.out 2>${at}.err; echo $? >${at}.status; } &`;
  });
  await node.sh(`rm -rf ${folder}; mkdir ${folder}; cd ${folder}\n${lines.join('\n')}\nwait`, timeoutMs);
  const read = (name: string): Promise<string> => node.sh(`cat ${folder}/${name}`);
  const outcomes: CniOutcome[] = [];
  for (const at of calls.keys()) {
    const [status, stdout, stderr] = [await read(`${at}.status`), await read(`${at}.out`), await read(`${at}.err`)];
    outcomes.push({ status: Number(status), stdout, stderr, json: stdout.trim() === '' ? null : JSON.parse(stdout) });
  }
  return outcomes;
}

function assertAllSucceeded(outcomes: readonly CniOutcome[]): void {
  for (const { status, stdout, stderr } of outcomes) assert.is(status, 0, `${stdout}\n${stderr}`);
}

/** PCI address by interface, for those of a pod that have one. */
async function vfsInPod(node: LabNode, pod: string): Promise<Record<string, string>> {
  const links = await node.ip<{ ifname: string; parentdev?: string }[]>('-n', pod, 'link', 'show');
  return Object.fromEntries(
    links.flatMap(({ ifname, parentdev }) => (parentdev === undefined ? [] : [[ifname, parentdev]])),
  );
}

const podArgs = (pod: string): string =>
  `IgnoreUnknown=1;K8S_POD_NAMESPACE=vf-test8;K8S_POD_NAME=${pod};K8S_POD_UID=uid-${pod}`;

test('14 pods get all VFs of both PFs at the same time, reach each other, and give them back at the same time', async (node, vfs) => {
  const conf = { vlan: 100, spoofchk: 'off', trust: 'on', mtu: 1400, ipam: node.ipam() };
  const calls = vfs.map((vf, at) => ({ pod: `p${at}`, conf: node.conf({ ...conf, deviceID: vf.pciAddress }) }));
  assert.is(calls.length, 14);
  await node.sh(calls.map(({ pod }) => `ip netns add ${pod}`).join('\n'));

  assertAllSucceeded(await together(node, 'ADD', calls));
  const addresses: string[] = [];
  for (const [at, vf] of vfs.entries()) {
    assert.equal(await vfsInPod(node, `p${at}`), { net1: vf.pciAddress });
    const [link] = await node.ip<[{ mtu: number; addr_info: { local: string; family: string }[] }]>(
      '-n',
      `p${at}`,
      'addr',
      'show',
      'net1',
    );
    assert.is(link.mtu, 1400);
    addresses.push(link.addr_info.find(({ family }) => family === 'inet')?.local ?? 'none');
    assert.is((await node.vfInfo(vf))['trust'], true);
  }
  const leases = Object.fromEntries(addresses.map((address, at) => [address, `p${at}`]));
  assert.equal(sorted(await node.leases()), sorted(leases), 'an address of its own for each');
  for (const address of addresses.slice(1)) assert.ok(await node.reaches('p0', address), `ping ${address}`);

  assertAllSucceeded(await together(node, 'DEL', calls));
  assert.equal(await node.leases(), {});
  await node.sh(calls.map(({ pod }) => `ip netns del ${pod}`).join('\n'));
});

function sorted(leases: Readonly<Record<string, string>>): string[] {
  return Object.entries(leases)
    .map(([address, pod]) => `${address} ${pod}`)
    .sort();
}

test('ADDs of one pod at the same time share its claim out: never the same VF, and never one VF for two', async (node, vfs) => {
  const conf = node.conf({ ipam: node.ipam() });
  const args = podArgs('pod1');
  const claimed = vfs.slice(0, 3);
  await node.writeClaim('uid-pod1', 'claim-pod1', claimed);
  const calls = ['net1', 'net2', 'net3', 'net4'].map((ifname) => ({ pod: 'pod1', ifname, args, conf }));
  const outcomes = await together(node, 'ADD', calls);
  const failed = outcomes.filter(({ status }) => status !== 0);
  assert.is(failed.length, 1, 'four ask, three VFs are there');
  const error = failed[0]?.json as CniErrorJson;
  assert.is(error.code, 100, error.msg);

  const inPod = await vfsInPod(node, 'pod1');
  assert.equal(Object.values(inPod).sort(), claimed.map(({ pciAddress }) => pciAddress).sort());
  for (const { json, status } of outcomes) {
    if (status !== 0) continue;
    const made = (json as CniResultJson).interfaces[0];
    assert.ok(made && inPod[made.name]);
    assert.is(made.pciID, since11(inPod[made.name]));
  }
  assert.is(Object.keys(await node.leases()).length, 3);
  assertAllSucceeded(await together(node, 'DEL', calls));
  assert.equal(await node.leases(), {});
});

test('one VF asked for by several pods at the same time goes to one of them; the others learn who has it', async (node, vfs) => {
  const conf = node.conf({ deviceID: nth(vfs, 0).pciAddress, vlan: 100, ipam: node.ipam() });
  const calls = ['pod1', 'pod2'].map((pod) => ({ pod, conf }));
  const outcomes = await together(node, 'ADD', calls);
  const winner = outcomes.findIndex(({ status }) => status === 0);
  const loser = 1 - winner;
  const error = outcomes[loser]?.json as CniErrorJson;
  assert.is(error.code, 102, error.msg);
  assert.match(error.msg, `container pod${winner + 1}`);
  assert.equal(await vfsInPod(node, `pod${winner + 1}`), { net1: nth(vfs, 0).pciAddress });
  assert.equal(await vfsInPod(node, `pod${loser + 1}`), {});
  assert.equal(Object.values(await node.leases()), [`pod${winner + 1}`]);
  assertAllSucceeded(await together(node, 'DEL', calls));
});
