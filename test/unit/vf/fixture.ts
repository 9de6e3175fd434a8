import { Namespace } from '../../../src/kernel/namespace.ts';
import { type EthernetLink, getLink, isEthernet, type Link } from '../../../src/kernel/rtnl/links.ts';
import { createLog, type Log } from '../../../src/lib/log.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import type { VfAdminState } from '../../../src/settings/settings.ts';
import { identifyVf } from '../../../src/vf/identity.ts';
import type { Pf, VfOfPf, VfSnapshot } from '../../../src/vf/vf.ts';
import { MemoryNode, type MemoryNodeOptions, vfPci } from '../../support/memory-node.ts';

/** A memory node with what the functions of src/vf take. */
export class VfFixture {
  readonly node: MemoryNode;
  readonly host: Namespace;
  readonly identity: VfOfPf;
  readonly logged: string[] = [];
  readonly log: Log;

  constructor(options: MemoryNodeOptions = {}) {
    this.node = new MemoryNode(options);
    this.host = new Namespace(this.node.platform, this.node.platform.ownNetns());
    const identity = identifyVf(this.node.platform, vfPci(0) as PciAddress, 'test');
    if (identity.pfPci === null) throw new Error('the VF has no PF');
    this.identity = identity;
    this.log = createLog({ level: 'debug', write: (line) => void this.logged.push(line) });
  }

  /** The pod's namespace; opened once. */
  openPod(): Namespace {
    const netns = this.node.platform.openNetns(this.node.pod.path);
    if (netns === null) throw new Error('the pod has no namespace');
    return new Namespace(this.node.platform, netns);
  }

  pf(): Pf {
    return { ...this.linkOf(this.host, 'pf0'), vfIndex: this.identity.vfIndex };
  }

  vf(): EthernetLink {
    const link = this.linkOf(this.host, 'vf0');
    if (isEthernet(link)) return link;
    throw new Error('the VF is no Ethernet device');
  }

  linkOf(namespace: Namespace, name: string): Link {
    const link = getLink(namespace.session, { name });
    if (link === null) throw new Error(`no link ${name}`);
    return link;
  }

  /** What was changed since the last call. */
  takeChanges(): string[] {
    return this.node.changes.splice(0);
  }
}

/** ETHTOOL_GDRVINFO, struct ethtool_drvinfo. */
export function drvinfo(busInfo: string): Buffer {
  const info = Buffer.alloc(196);
  info.write(busInfo, 100);
  return info;
}

export function snapshotWith(admin: VfAdminState | null, netdev: Partial<VfSnapshot['netdev']> = {}): VfSnapshot {
  const mac = '52:54:00:00:00:03' as VfAdminState['mac'];
  const usual = { name: 'vf0', ifindex: 3, mac, mtu: 1500, up: false, altnames: [] };
  return { admin, netdev: netdev === null ? null : { ...usual, ...netdev } };
}
