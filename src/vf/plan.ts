import { CniError } from '../cni/errors.ts';
import type { VfSettings } from '../config/sriov-conf.ts';
import type { VfChange } from '../kernel/rtnl/vfs.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import type { Pf, VfAdminState, VfIdentity, VfSnapshot } from './vf.ts';

/** What ADD has to change; only what differs from the snapshot. */
export interface VfPlan {
  /** Changes of the PF's record of the VF but the MAC, which has an order of its own. */
  readonly admin: VfChange;
  /** Admin and effective MAC that the VF shall have; null: as they are. */
  readonly mac: MacAddress | null;
  /** Null: as it is. */
  readonly mtu: number | null;
}

type PfLimits = Pick<Pf, 'name' | 'mtu'>;

/**
 * Compares what is asked with what is there. Throws CniError invalidConfig (MTU over the PF's) and settingRefused (the PF
 * reports no settings of its VFs).
 */
export function planVf(settings: VfSettings, identity: VfIdentity, snapshot: VfSnapshot, pf: PfLimits | null): VfPlan {
  const admin = snapshot.admin === null ? planBlind(settings, identity) : adminChange(snapshot.admin, settings);
  return { admin, mac: settings.mac ?? null, mtu: planMtu(settings, snapshot, pf) };
}

/** What must change so that the PF's record of a VF is as wanted; absent keys stay as they are. MAC excluded. */
export function adminChange(now: VfAdminState, wanted: VfSettings): VfChange {
  return {
    ...vlanChange(now, wanted),
    ...rateChange(now, wanted),
    ...(wanted.spoofchk !== undefined && wanted.spoofchk !== now.spoofchk ? { spoofchk: wanted.spoofchk } : {}),
    ...(wanted.trust !== undefined && wanted.trust !== now.trust ? { trust: wanted.trust } : {}),
    ...(wanted.linkState !== undefined && wanted.linkState !== now.linkState ? { linkState: wanted.linkState } : {}),
  };
}

function vlanChange(now: VfAdminState, wanted: VfSettings): VfChange {
  if (wanted.vlan === undefined) return {};
  const vlan = { id: wanted.vlan, qos: wanted.vlanQos ?? 0, protocol: wanted.vlanProtocol ?? '802.1q' } as const;
  const same = vlan.id === now.vlan && vlan.qos === now.vlanQos;
  // Without a VLAN there is no tag, so the protocol in the PF's record means nothing.
  const sameProtocol = vlan.protocol === now.vlanProtocol || vlan.id === 0;
  return same && sameProtocol ? {} : { vlan };
}

function rateChange(now: VfAdminState, wanted: VfSettings): VfChange {
  const rate = {
    minTxRateMbps: wanted.minTxRateMbps ?? now.minTxRateMbps,
    maxTxRateMbps: wanted.maxTxRateMbps ?? now.maxTxRateMbps,
  };
  return rate.minTxRateMbps === now.minTxRateMbps && rate.maxTxRateMbps === now.maxTxRateMbps ? {} : { rate };
}

/** Keys of the config by the settings that only a PF can take. */
const pfKeys = {
  mac: 'mac',
  vlan: 'vlan',
  spoofchk: 'spoofchk',
  trust: 'trust',
  linkState: 'link_state',
  minTxRateMbps: 'min_tx_rate',
  maxTxRateMbps: 'max_tx_rate',
} as const satisfies Partial<Record<keyof VfSettings, string>>;

/** A PF that isn't there, or reports no VF settings, has no VLAN and no rate limit either, so asking for none is met; all else can't be. */
function planBlind(settings: VfSettings, identity: VfIdentity): VfChange {
  const { mac, vlan, minTxRateMbps = 0, maxTxRateMbps = 0, ...others } = settings;
  // Without a netdev there is nobody but the PF who could set a MAC.
  const needsPfMac = mac !== undefined && identity.kind === 'userspace';
  const tagged = vlan !== undefined && vlan !== 0;
  const rates = {
    ...(minTxRateMbps === 0 ? {} : { minTxRateMbps }),
    ...(maxTxRateMbps === 0 ? {} : { maxTxRateMbps }),
  };
  const needed: VfSettings = { ...(needsPfMac ? { mac } : {}), ...(tagged ? { vlan } : {}), ...rates, ...others };
  const asked = (Object.keys(pfKeys) as (keyof typeof pfKeys)[]).filter((setting) => needed[setting] !== undefined);
  if (asked.length === 0) return {};
  const wanted = asked.map((setting) => `${pfKeys[setting]} = ${needed[setting]}`).join(', ');
  throw new CniError('settingRefused', `${wanted}: ${whyNoSettings(identity)}`);
}

function whyNoSettings({ pci, pfPci, pfName, vfIndex }: VfIdentity): string {
  if (pfPci !== null) return `PF ${pfName} (${pfPci}) doesn't let the settings of its VF ${vfIndex} be read or set`;
  return `VF ${pci} has no PF on this machine, which alone could set that: leave it out, and set it where the VF comes from`;
}

/** Without a PF the driver's own limit is all that is known, and the kernel keeps to that. */
function planMtu(settings: VfSettings, { netdev }: VfSnapshot, pf: PfLimits | null): number | null {
  const { mtu } = settings;
  if (mtu === undefined || netdev === null || mtu === netdev.mtu) return null;
  if (pf === null || mtu <= pf.mtu) return mtu;
  throw new CniError(
    'invalidConfig',
    `mtu: ${mtu} is not allowed; allowed: 68 to the MTU of PF ${pf.name}, which is ${pf.mtu}`,
  );
}
