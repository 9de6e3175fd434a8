import type { MacAddress } from '../../../src/lib/mac-address.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import type { VfAdminState } from '../../../src/settings/settings.ts';
import type { VfIdentity } from '../../../src/vf/vf.ts';

export const sampleIdentity: VfIdentity = {
  pci: '0000:3b:02.1' as PciAddress,
  pfPci: '0000:3b:00.0' as PciAddress,
  pfName: 'pf0',
  pfDriver: 'igb',
  vfIndex: 1,
  driver: 'igbvf',
  kind: 'netdev',
};

/** Of a VF that nobody has set anything for. */
export const quietAdmin: VfAdminState = {
  mac: '00:00:00:00:00:00' as MacAddress,
  vlan: 0,
  vlanQos: 0,
  vlanProtocol: '802.1q',
  spoofchk: 'on',
  trust: 'off',
  linkState: 'auto',
  minTxRateMbps: 0,
  maxTxRateMbps: 0,
};
