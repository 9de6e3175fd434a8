import { spawnSync } from 'node:child_process';
import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';

const test = asRoot(suite('blackbox/byte-names'));

/** Runs a shell script in a namespace; `\377` in it is that byte, which an argument of a child of Node can't have. */
function shell(namespace: string, script: string): Buffer {
  const { status, stdout, stderr } = spawnSync('ip', ['netns', 'exec', namespace, 'bash', '-c', script]);
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
}

/** Names and altnames of the host's links, as bytes in hexadecimal. */
function hostNames(node: StandInNode): string[] {
  const shown = shell(node.host.name, 'ip -o link show').toString('latin1');
  const names = shown.split('\n').map((line) => [...line.matchAll(/(?:^\d+:|altname) ([^ @:\\]+)/g)]);
  return names.map((found) => found.map(([, name = '']) => Buffer.from(name, 'latin1').toString('hex')).join(' '));
}

test('a VF with names that are no UTF-8: ADD, CHECK, DEL, and all names are as before, whatever the pod gave itself', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    shell(node.host.name, "ip link set vf0 name $'vf\\377'");
    shell(node.host.name, "ip link property add dev $'vf\\377' altname $'first\\200\\377' altname $'\\303\\050second'");
    const net = join(node.directory, 'sys/bus/pci/devices', node.vfPcis[0] ?? '', 'net');
    renameSync(join(net, 'vf0'), Buffer.from(`${net}/vf\xff`, 'latin1'));
    const before = hostNames(node);
    assert.ok(
      before.some((names) => names.includes('7666ff') && names.includes('666972737480ff')),
      before.join('\n'),
    );
    const added = node.succeed('ADD', conf);
    assert.ok(shell(node.pod.name, 'ip -o link show net1').includes(Buffer.from([0x80, 0xff])));
    node.succeed('CHECK', { ...conf, prevResult: added.json });
    shell(node.pod.name, "ip link property add dev net1 altname $'of\\377pod'");
    shell(node.pod.name, "ip link property del dev net1 altname $'first\\200\\377'");
    shell(node.pod.name, "ip link set net1 down; ip link set net1 name $'n\\376'");
    node.succeed('DEL', conf);
    assert.equal(hostNames(node), before);
    assert.equal(node.stateFiles(), []);
  });
});
