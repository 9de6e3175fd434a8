import type { Namespace } from '../kernel/namespace.ts';
import { readVfAdminState } from '../kernel/rtnl/vfs.ts';
import {
  differingFields,
  fieldsOf,
  keyOf,
  pfSettings,
  type VfAdminState,
  type VfSettings,
} from '../settings/settings.ts';
import type { Pf, VfIdentity } from './vf.ts';

/** `what: is X, should be Y`, for a person to read. */
export function difference(what: string, actual: unknown, expected: unknown): string[] {
  return actual === expected ? [] : [`${what} is ${actual ?? 'unknown'}, should be ${expected}`];
}

/** The differences between the PF's record of the VF and what ADD left there. */
export function adminDifferences(
  host: Namespace,
  pf: Pf | null,
  identity: VfIdentity,
  before: VfAdminState,
  settings: VfSettings,
): string[] {
  const where = `VF ${identity.vfIndex} of PF ${identity.pfName}`;
  const now = pf === null ? null : readVfAdminState(host.session, pf.ifindex, pf.vfIndex);
  if (now === null) return [`${where} is gone`];
  // ADD left what was there, overlaid with what the config asks for.
  const wanted = { ...before, ...settings };
  return pfSettings.flatMap((setting) => {
    // A trusted pod may set its own MAC, and some PFs record that. So the MAC is compared only if the config has one.
    if (setting.ofNetdev === true && fieldsOf(setting).every((field) => settings[field] === undefined)) return [];
    return differingFields(setting, now, wanted).flatMap((field) =>
      difference(`${where}: ${keyOf(setting, field)}`, now[field], wanted[field]),
    );
  });
}
