import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { changeVf, readVfAdminState, type VfChange } from '../kernel/rtnl/vfs.ts';
import { adminChange } from './plan.ts';
import type { VfAdminState, VfIdentity } from './vf.ts';

/** Config keys by the part of a change that carries them, in the order in which the kernel applies them. */
const configKeys: Readonly<Record<keyof VfChange, string>> = {
  mac: 'mac',
  vlan: 'vlan/vlanQoS/vlanProto',
  rate: 'min_tx_rate/max_tx_rate',
  spoofchk: 'spoofchk',
  linkState: 'link_state',
  trust: 'trust',
};

/**
 * Sets all parts in one message. The kernel names no part when it refuses one, and keeps those before it: then they are
 * set one by one, to name the key. Throws CniError settingRefused.
 */
export function applyAdminChange(host: Namespace, pf: Link, identity: VfIdentity, change: VfChange): void {
  const parts = (Object.keys(configKeys) as (keyof VfChange)[]).filter((part) => change[part] !== undefined);
  if (parts.length === 0) return;
  try {
    host.change((session) => changeVf(session, pf, identity.vfIndex, change));
  } catch (thrown) {
    if (parts.length === 1) throw refused(identity, parts[0] as keyof VfChange, change, thrown);
    for (const part of parts) applyAdminChange(host, pf, identity, { [part]: change[part] });
  }
}

function refused(identity: VfIdentity, part: keyof VfChange, change: VfChange, cause: unknown): CniError {
  const value = JSON.stringify(change[part]);
  const where = `VF ${identity.vfIndex} (${identity.pci}) of PF ${identity.pfName}, driver ${identity.driver}`;
  return new CniError('settingRefused', `${configKeys[part]} = ${value} was refused for ${where}`, { cause });
}

/** What differs between the PF's record of the VF now and in the snapshot, MAC excluded. Null: the PF reports nothing. */
export function adminDifference(
  host: Namespace,
  pf: Link,
  identity: VfIdentity,
  before: VfAdminState,
): VfChange | null {
  const now = readVfAdminState(host.session, pf.ifindex, identity.vfIndex);
  if (now === null) return null;
  const { mac: _mac, spoofchk, trust, linkState, ...others } = before;
  return adminChange(now, {
    ...others,
    ...(spoofchk === null ? {} : { spoofchk }),
    ...(trust === null ? {} : { trust }),
    ...(linkState === null ? {} : { linkState }),
  });
}
