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
 * Makes all settings in one message. If the kernel refuses one, it keeps those before it and doesn't say which one it
 * was. Then they are made one by one, so that the error names the key. Throws CniError settingRefused, and SystemError
 * if no answer came.
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

/** The changes that make the PF's record of the VF that of the snapshot, but for the MAC. */
export function adminDifference(now: VfAdminState, before: VfAdminState): VfChange {
  const { mac: _mac, ...others } = before;
  return adminChange(now, others);
}
