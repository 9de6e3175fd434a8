// A node in memory whose pods sriov-cni has attached.
import { igbvfDriver, MemoryNode, type MemoryNodeOptions, type Pod, vfPci } from '../../support/memory-node.ts';
import { formatSriovCniAttachment, type SriovCniVfState } from '../../support/sriov-cni-files.ts';

export const directory = '/var/lib/cni/sriov';
export const mac = '02:00:00:00:00:01';
export const settings = { vlan: 100, vlanQoS: 5, spoofchk: 'off', trust: 'on', max_tx_rate: 200, mac };
const ipam = { type: 'host-local' };

export interface Migrated {
  readonly node: MemoryNode;
  readonly conf: Record<string, unknown>;
  readonly before: unknown;
}

/** What sriov-cni's ADD does to VF 0, and what it leaves on disk. */
export function attach(
  node: MemoryNode,
  conf: Readonly<Record<string, unknown>>,
  pod: Pod = node.pod,
  index = 0,
): void {
  const vf = node.vfs[index];
  if (vf === undefined) throw new Error(`no VF ${index}`);
  const { files, modified } = node.platform;
  const isUserspace = node.platform.links.get(`/sys/bus/pci/devices/${vfPci(index)}/driver`)?.endsWith('/vfio-pci');
  const link = isUserspace === true ? null : node.link(index);
  const before: SriovCniVfState = {
    HostIFName: link?.name ?? '',
    SpoofChk: vf.spoofchk !== 0,
    Trust: vf.trust !== 0,
    AdminMAC: vf.mac,
    EffectiveMAC: link?.mac ?? '',
    Vlan: vf.vlan,
    VlanQoS: vf.qos,
    VlanProto: vf.proto,
    MinTxRate: vf.minTxRate,
    MaxTxRate: vf.maxTxRate,
    LinkState: vf.linkState,
    MTU: link?.mtu ?? 0,
  };
  Object.assign(vf, { vlan: 100, qos: 5, spoofchk: 0, trust: 1, maxTxRate: 200, mac });
  if (link !== null) {
    node.edit(() => {
      node.host.links.splice(node.host.links.indexOf(link), 1);
      pod.namespace.links.push(link);
      Object.assign(link, { name: 'net1', mac, up: true });
    });
  }
  if ('ipam' in conf) node.leases.set(`${pod.containerId}/net1`, '10.0.2.9');
  const text = formatSriovCniAttachment(conf, { pci: vfPci(index), pf: 'pf0', index, before });
  files.set(`${directory}/${pod.containerId}-net1`, text);
  files.set(`${directory}/pci/${vfPci(index)}`, pod.path);
  modified.set(`${directory}/${pod.containerId}-net1`, node.platform.epochMs());
  node.platform.clock.nowMs += 1000;
}

export function migrated(options: MemoryNodeOptions = {}): Migrated {
  const node = new MemoryNode({ driver: igbvfDriver, ...options });
  const before = node.picture();
  const conf = node.conf({ ...settings, ipam });
  attach(node, conf);
  return { node, conf, before };
}

export function sriovCniFiles(node: MemoryNode): string[] {
  return [...node.platform.files.keys()].filter((path) => path.startsWith(directory));
}

/** VFs are made anew, with other MACs; what was below /run is gone. */
export function reboot(node: MemoryNode): void {
  node.endPod(node.pod);
  const fresh = new MemoryNode({ driver: igbvfDriver });
  Object.assign(node.vfs[0] ?? {}, fresh.vfs[0]);
  node.edit(() => Object.assign(node.link(0), { name: 'vf0', mac: '02:00:00:00:99:99', up: false }));
}

/** Clocks that are wrong: without a battery, before NTP has set them, with a firmware of another time zone. */
export const clocks = [0, Date.UTC(2001, 0, 1), Date.UTC(2099, 0, 1)];

/**
 * The first pod ended without a DEL, and sriov-cni gave its VF to another one. The clock may have been set back in
 * between.
 */
export function attachedTwice(firstMs: number): Migrated & { readonly later: Pod } {
  const { node, conf, before } = migrated();
  node.endPod(node.pod);
  const later = node.addPod();
  attach(node, conf, later);
  node.platform.modified.set(`${directory}/c1-net1`, firstMs);
  return { node, conf, before, later };
}
