import type { Json } from '../lib/json.ts';
import { linkState, linkStateTexts } from './link-state.ts';
import { mac, macTexts } from './mac.ts';
import { mtu, mtuTexts } from './mtu.ts';
import { rate, rateTexts } from './rate.ts';
import type { Known, Values } from './setting.ts';
import { spoofchk, spoofchkTexts } from './spoofchk.ts';
import { trust, trustTexts } from './trust.ts';
import { vlan, vlanTexts } from './vlan.ts';

// The table of all settings of a VF. A new setting is a file of its own, and its name in each of these lists.

/** The settings that a config may ask for, in the order of documents and errors. */
export const settings = [vlan, mac, mtu, spoofchk, trust, linkState, rate] as const;

/** The settings that a PF keeps of a VF, in the order of records and of `inspect`. */
export const pfSettings = [mac, vlan, spoofchk, trust, linkState, rate] as const;

/** The settings that a PF keeps, in the order in which the kernel applies them (do_setvfinfo, net/core/rtnetlink.c). */
const inKernelOrder = [mac, vlan, rate, spoofchk, linkState, trust] as const;

/** Documentation of the keys; an array, which a bundler leaves out if nobody reads it. */
export const settingTexts = [
  vlanTexts,
  macTexts,
  mtuTexts,
  spoofchkTexts,
  trustTexts,
  linkStateTexts,
  rateTexts,
] as const;

/** Makes `A & B` of `A | B`. */
type Both<Either> = (Either extends unknown ? (one: Either) => void : never) extends (both: infer All) => void
  ? All
  : never;
type Flat<All> = { readonly [Key in keyof All]: All[Key] };

export type OnePfSetting = (typeof pfSettings)[number];
type StateOf<One> = One extends { readonly fields: infer Fields } ? Values<Fields> : never;

/** The PF's record of a VF; a field is null if the driver doesn't report it. */
export type VfAdminState = Flat<Both<StateOf<OnePfSetting>>>;

export type VfField = keyof VfAdminState;

/** Settings of a VF to be made on its PF, each with all its fields. */
export type VfChange = { readonly [Field in VfField]?: Known<VfAdminState>[Field] };

/** What a config asks of the VF's PF and netdev. An absent key stays as it is. */
export type VfSettings = VfChange & { readonly mtu?: number };

/** The keys of a config that ask for something of a VF, with what they may hold. */
export function settingKeys(): Flat<Both<(typeof settings)[number]['keys']>> {
  return Object.assign({}, ...settings.map(({ keys }) => keys));
}

/** The schema of the PF's record of a VF, for attachment records. */
export function pfFields(): Flat<Both<OnePfSetting['fields']>> {
  return Object.assign({}, ...pfSettings.map(({ fields }) => fields));
}

/** What a config with these values asks for of a setting. */
export function askedBy(setting: (typeof settings)[number], values: Values<ReturnType<typeof settingKeys>>): object {
  if (setting.asked !== undefined) return setting.asked(values);
  const keyOf: Readonly<Record<string, string>> = 'keyOf' in setting ? setting.keyOf : {};
  return Object.fromEntries(Object.entries(keyOf).map(([field, key]) => [field, (values as Json)[key]]));
}

export function fieldsOf({ fields }: OnePfSetting): readonly VfField[] {
  return Object.keys(fields) as VfField[];
}

/** The key of a config that sets a field of that setting. */
export function keyOf(setting: OnePfSetting, field: VfField): string {
  return (setting.keyOf as Readonly<Record<string, string>>)[field] ?? field;
}

/** Fields of a setting that are not as wanted. Fields that nobody wants or that mean nothing don't count. */
export function differingFields(
  setting: OnePfSetting,
  now: VfAdminState,
  wanted: Partial<VfAdminState>,
): readonly VfField[] {
  const meaningless: readonly VfField[] = setting.meaningless?.(wanted as VfAdminState) ?? [];
  return fieldsOf(setting).filter(
    (field) => wanted[field] !== undefined && wanted[field] !== now[field] && !meaningless.includes(field),
  );
}

/** A setting with its fields of a change. */
export interface WantedSetting {
  readonly setting: OnePfSetting;
  /** The fields of this setting alone. */
  readonly change: VfChange;
}

/** The wanted settings, without those that aren't known, in the order in which the kernel applies them. */
export function partsOf(wanted: Partial<VfAdminState>): readonly WantedSetting[] {
  return inKernelOrder.flatMap((setting) => {
    const fields = fieldsOf(setting).filter((field) => (wanted[field] ?? null) !== null);
    if (fields.length === 0) return [];
    return [{ setting, change: Object.fromEntries(fields.map((field) => [field, wanted[field]])) as VfChange }];
  });
}
