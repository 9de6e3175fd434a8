import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../../support/suite.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { onSharedNode } from '../shared-node.ts';

const test = onSharedNode(suite('lab/rescue'), { vfs: [2] });

const text = readFileSync(join(import.meta.dirname, '../../../docs/fleet.md'), 'utf8');

/** A script of docs/fleet.md, unchanged. */
function script(name: 'del' | 'ip'): string {
  const [, body] = new RegExp(`<!-- rescue: ${name} -->\n\`\`\`sh\n(.*?)\`\`\``, 's').exec(text) ?? [];
  if (body === undefined) throw new Error(`docs/fleet.md has no script ${name}`);
  return body;
}

const recordPath = async (node: LabNode): Promise<string> =>
  (await node.sh(`find ${node.paths.state} -name net1.json`)).trim();

async function rescue(node: LabNode, name: 'del' | 'ip'): Promise<void> {
  await node.sh(`export R=${await recordPath(node)}\n(${script(name)})`);
  assert.equal(await node.leases(), {});
  assert.is(await node.sh(`find ${node.paths.state} -name '*.json' -o -path '*/.vfs/*'`), '');
}

const set = (node: LabNode, vf: VirtualFunction, words: string): Promise<string> =>
  node.sh(`ip link set ${vf.pf} vf ${vf.index} ${words}`);

const keys = {
  vlan: 100,
  vlanQoS: 3,
  spoofchk: 'off',
  trust: 'on',
  max_tx_rate: 200,
  mtu: 1400,
  mac: '02:00:00:00:07:01',
};

for (const name of ['del', 'ip'] as const) {
  test(`a VF comes home by hand from its record, by ${name}: from a living pod, and after one that is gone`, async (node, vfs) => {
    const vf = nth(vfs, 0);
    const conf = node.conf({ deviceID: vf.pciAddress, ...keys, ipam: node.ipam() });
    const before = await node.picture();
    await node.succeed('ADD', conf);
    await rescue(node, name);
    assert.equal(await node.picture(), before);

    await node.succeed('ADD', conf);
    await node.removePod('pod1');
    await node.sh(`until ls /sys/bus/pci/devices/${vf.pciAddress}/net/* >/dev/null 2>&1; do sleep 0.05; done`);
    await rescue(node, name);
    await node.addPod('pod1');
    assert.equal(await node.picture(), before);
  });
}

test('a MAC and settings that the administrator gave the VF come back by hand, too', async (node, vfs) => {
  const vf = nth(vfs, 1);
  const made = await node.vfInfo(vf);
  await set(node, vf, 'mac 02:00:00:00:07:02 vlan 7 trust on spoofchk off max_tx_rate 300');
  const before = await node.picture();
  await node.succeed('ADD', node.conf({ deviceID: vf.pciAddress, ...keys }));
  await rescue(node, 'ip');
  assert.equal(await node.picture(), before);
  // Another MAC is set in between, because the PF hears of a MAC only if it is a change to the netdev.
  await set(node, vf, 'mac 00:00:00:00:00:00 vlan 0 trust off spoofchk on max_tx_rate 0');
  await node.sh(`for each in 02:00:00:00:07:03 ${made['address']}; do ip link set ${vf.netdev} address $each; done`);
});
