import { CniError } from '../cni/errors.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import {
  differingFields,
  fieldsOf,
  keyOf,
  partsOf,
  pfSettings,
  type VfAdminState,
  type VfChange,
  type VfField,
  type VfSettings,
} from '../settings/settings.ts';
import type { Pf, VfIdentity, VfSnapshot } from './vf.ts';

/** What ADD has to change, which is what differs from the snapshot. */
export interface VfPlan {
  /** Changes of the PF's record of the VF. */
  readonly admin: VfChange;
  /** MAC that the netdev gets; null: it keeps its own. */
  readonly mac: MacAddress | null;
  /** Null: it stays. */
  readonly mtu: number | null;
}

type PfLimits = Pick<Pf, 'name' | 'mtu'>;

/**
 * Compares what is asked with what is there. Throws CniError invalidConfig (MTU over the PF's) and settingRefused (the
 * PF reports no settings of its VFs).
 */
export function planVf(settings: VfSettings, identity: VfIdentity, snapshot: VfSnapshot, pf: PfLimits | null): VfPlan {
  if (snapshot.admin === null) refuseBlind(settings, identity);
  const admin = snapshot.admin === null ? {} : adminChange(snapshot.admin, settings);
  return { admin, mac: settings.mac ?? null, mtu: planMtu(settings, snapshot, pf) };
}

/** The changes that make the PF's record of a VF as wanted. Fields that nobody wants or the PF doesn't report stay. */
export function adminChange(now: VfAdminState, wanted: Partial<VfAdminState>): VfChange {
  const differing = partsOf(wanted).filter(({ setting, change }) => differingFields(setting, now, change).length > 0);
  return Object.assign({}, ...differing.map(({ change }) => change)) as VfChange;
}

/**
 * Refuses settings of a VF whose PF isn't there or reports none. Asking for no VLAN and no rate limit is fine, because
 * such a VF has neither.
 */
function refuseBlind(settings: VfSettings, identity: VfIdentity): void {
  const wanted = pfSettings.flatMap((setting) => {
    // The netdev can take it, if there is one.
    if (setting.ofNetdev === true && identity.kind === 'netdev') return [];
    const unreported: Partial<VfAdminState> | undefined = setting.unreported;
    const isMet = (field: VfField): boolean =>
      unreported !== undefined && (!(field in unreported) || unreported[field] === settings[field]);
    const unmet = fieldsOf(setting).filter((field) => settings[field] !== undefined && !isMet(field));
    return unmet.map((field) => `${keyOf(setting, field)} = ${settings[field]}`);
  });
  if (wanted.length === 0) return;
  throw new CniError('settingRefused', `${wanted.join(', ')}: ${whyNoSettings(identity)}`);
}

function whyNoSettings({ pci, pfPci, pfName, vfIndex }: VfIdentity): string {
  if (pfPci !== null) return `PF ${pfName} (${pfPci}) doesn't let the settings of its VF ${vfIndex} be read or set`;
  return `VF ${pci} has no PF on this machine, which alone could set that: leave it out, and set it where the VF comes from`;
}

/** Without a PF only the driver's own limit is known, and the kernel enforces that. */
function planMtu(settings: VfSettings, { netdev }: VfSnapshot, pf: PfLimits | null): number | null {
  const { mtu } = settings;
  if (mtu === undefined || netdev === null || mtu === netdev.mtu) return null;
  if (pf === null || mtu <= pf.mtu) return mtu;
  throw new CniError(
    'invalidConfig',
    `mtu: ${mtu} is not allowed; allowed: 68 to the MTU of PF ${pf.name}, which is ${pf.mtu}`,
  );
}
