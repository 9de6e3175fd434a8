import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { changeVf, readVfAdminState, type VfChange } from '../kernel/rtnl/vfs.ts';
import { adminChange } from './plan.ts';
import { isRefusal } from './refusal.ts';
import type { Pf, VfAdminState, VfIdentity } from './vf.ts';

/** In the order in which the kernel applies them. */
const allParts = ['mac', 'vlan', 'rate', 'spoofchk', 'linkState', 'trust'] as const satisfies (keyof VfChange)[];

/** A change as a config spells it. */
function spell({ mac, vlan, rate, spoofchk, linkState, trust }: VfChange): string {
  const keys: Readonly<Record<string, string | number | undefined>> = {
    mac,
    vlan: vlan?.id,
    vlanQoS: vlan?.qos,
    vlanProto: vlan?.protocol,
    min_tx_rate: rate?.minTxRateMbps,
    max_tx_rate: rate?.maxTxRateMbps,
    spoofchk,
    link_state: linkState,
    trust,
  };
  const given = Object.entries(keys).filter(([, value]) => value !== undefined);
  return given.map(([key, value]) => `${key} = ${value}`).join(', ');
}

/**
 * Sets all parts in one message. The kernel names no part when it refuses one, and keeps those before it: then they are
 * set one by one, to name the key. Throws CniError settingRefused.
 */
export function applyAdminChange(host: Namespace, pf: Pf, identity: VfIdentity, change: VfChange): void {
  const parts = allParts.filter((part) => change[part] !== undefined);
  if (parts.length === 0) return;
  try {
    host.change(pf.ifindex, (session) => changeVf(session, pf, pf.vfIndex, change));
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (parts.length === 1) throw refused(pf, identity, change, thrown);
    for (const part of parts) applyAdminChange(host, pf, identity, { [part]: change[part] });
  }
}

function refused(pf: Pf, identity: VfIdentity, change: VfChange, cause: unknown): CniError {
  const where = `VF ${pf.vfIndex} (${identity.pci}) of PF ${pf.name}, driver ${identity.pfDriver}`;
  return new CniError('settingRefused', `${spell(change)}: refused for ${where}`, { cause });
}

/** What differs between the PF's record of the VF now and in the snapshot, MAC excluded. Null: the PF reports nothing. */
export function adminDifference(host: Namespace, pf: Pf, before: VfAdminState): VfChange | null {
  const now = readVfAdminState(host.session, pf.ifindex, pf.vfIndex);
  if (now === null) return null;
  const { mac: _mac, spoofchk, trust, linkState, ...others } = before;
  return adminChange(now, {
    ...others,
    ...(spoofchk === null ? {} : { spoofchk }),
    ...(trust === null ? {} : { trust }),
    ...(linkState === null ? {} : { linkState }),
  });
}
