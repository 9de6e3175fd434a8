import { CniError } from '../cni/errors.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { changeVf } from '../kernel/rtnl/vfs.ts';
import {
  fieldsOf,
  keyOf,
  partsOf,
  type VfAdminState,
  type VfChange,
  type WantedSetting,
} from '../settings/settings.ts';
import { adminChange } from './plan.ts';
import { isRefusal } from './refusal.ts';
import type { Pf, VfIdentity } from './vf.ts';

/** A setting as a config spells it. */
function spell({ setting, change }: WantedSetting): string {
  const given = fieldsOf(setting).filter((field) => change[field] !== undefined);
  return given.map((field) => `${keyOf(setting, field)} = ${change[field]}`).join(', ');
}

/**
 * Makes all settings in one message. The kernel names none when it refuses one, and keeps those before it: then they
 * are made one by one, to name the key. Throws CniError settingRefused, and SystemError where there is no answer.
 */
export function applyAdminChange(host: Namespace, pf: Pf, identity: VfIdentity, change: VfChange): void {
  const parts = partsOf(change);
  const [first] = parts;
  if (first === undefined) return;
  try {
    host.change(pf.ifindex, (session) => changeVf(session, pf, pf.vfIndex, change));
  } catch (thrown) {
    if (!isRefusal(thrown)) throw thrown;
    if (parts.length === 1) throw refused(pf, identity, first, thrown);
    for (const part of parts) applyAdminChange(host, pf, identity, part.change);
  }
}

function refused(pf: Pf, identity: VfIdentity, part: WantedSetting, cause: unknown): CniError {
  const where = `VF ${pf.vfIndex} (${identity.pci}) of PF ${pf.name}, driver ${identity.pfDriver}`;
  return new CniError('settingRefused', `${spell(part)}: refused for ${where}`, { cause });
}

/** What differs between the PF's record of the VF now and in the snapshot, MAC excluded. */
export function adminDifference(now: VfAdminState, before: VfAdminState): VfChange {
  const { mac: _mac, ...others } = before;
  return adminChange(now, others);
}
