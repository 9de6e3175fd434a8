import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import type { AttachmentKey, AttachmentRecord } from '../../../src/state/attachment-record.ts';
import { quietAdmin, sampleIdentity } from '../vf/samples.ts';

export const sampleKey: AttachmentKey = { network: 'vf-net', containerId: 'c1', ifname: 'net1' };
export const samplePci: PciAddress = sampleIdentity.pci;

/** A record in which nothing is null or empty. */
export const sampleRecord: AttachmentRecord = {
  version: 1,
  phase: 'attached',
  key: sampleKey,
  pod: { namespace: 'default', name: 'pod', uid: '6d1ff1f4-0f0e-4a3e-9a43-7f0e8a3f0001' },
  identity: sampleIdentity,
  resolvedFrom: 'deviceID',
  snapshot: {
    admin: quietAdmin,
    netdev: {
      name: 'vf1',
      ifindex: 7,
      mac: '52:54:00:00:00:07' as MacAddress,
      mtu: 1500,
      up: false,
      altnames: ['enp59s0f0v1'],
    },
    rdmaDevices: ['mlx5_3'],
  },
  mac: '02:00:00:00:00:01' as MacAddress,
  netns: { path: '/run/netns/pod1', device: '4', inode: '4026532001' },
  bootId: '6d1ff1f4-0f0e-4a3e-9a43-7f0e8a3f0001',
  podIfindex: 7,
  addresses: ['10.0.2.5/24'],
  routes: [{ dst: '0.0.0.0/0', gw: '10.0.2.1', mtu: 1400, advmss: 1360, priority: 5, table: 100, scope: 0 }],
  ipam: { type: 'host-local', stdin: '{"name":"vf-net"}', args: 'K8S_POD_NAME=pod', pluginDirs: ['/opt/cni/bin'] },
  config: '{"name":"vf-net"}',
  cniArgs: 'K8S_POD_NAME=pod',
  createdAt: '2026-01-01T00:00:00.000Z',
};
