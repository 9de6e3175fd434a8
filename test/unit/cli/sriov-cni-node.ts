// A node that was switched from sriov-cni while one of its pods ran.
import { MemoryNode, vfPci } from '../../support/memory-node.ts';
import { formatSriovCniAttachment, untouchedVf } from '../../support/sriov-cni-files.ts';

export const container = 'c'.repeat(64);
const directory = '/var/lib/cni/sriov';
export const attachmentPath = `${directory}/${container}-net1`;

/** sriov-cni has attached a pod, whose VF is still shown on the host. */
export function withSriovCni(conf: Readonly<Record<string, unknown>> = {}): MemoryNode {
  const node = new MemoryNode();
  const { files, links } = node.platform;
  files.set('/proc/sys/kernel/osrelease', '6.1.0\n');
  files.set('/proc/self/status', 'CapEff:\t000001ffffffffff\n');
  for (const process of ['1', 'self']) links.set(`/proc/${process}/ns/net`, `net:[${node.host.inode}]`);
  files.set('/opt/cni/bin/sriov', 'sriov-cni');
  const vf = { pci: vfPci(0), pf: 'pf0', index: 0, before: untouchedVf };
  files.set(attachmentPath, formatSriovCniAttachment({ name: 'net', type: 'sriov', ...conf }, vf));
  files.set(`${directory}/pci/${vfPci(0)}`, '/run/netns/x');
  return node;
}

/** The same with the VF in the pod. */
export function switchedFromSriovCni(conf: Readonly<Record<string, unknown>> = {}): MemoryNode {
  const node = withSriovCni(conf);
  const link = node.link(0);
  node.edit(() => {
    node.host.links.splice(node.host.links.indexOf(link), 1);
    node.pod.namespace.links.push(link);
    Object.assign(link, { name: 'net1', up: true });
    Object.assign(node.pf, { up: true });
  });
  node.platform.links.set('/proc/77/ns/net', `net:[${node.pod.namespace.inode}]`);
  node.platform.netnsPaths.set('/proc/77/ns/net', node.pod.namespace);
  return node;
}
