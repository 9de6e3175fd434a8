import type { Json } from '../lib/json.ts';
import { linkState, linkStateTexts } from './link-state.ts';
import { mac, macTexts } from './mac.ts';
import { mtu, mtuTexts } from './mtu.ts';
import { rate, rateTexts } from './rate.ts';
import type { Known, Values } from './setting.ts';
import { spoofchk, spoofchkTexts } from './spoofchk.ts';
import { trust, trustTexts } from './trust.ts';
import { vlan, vlanTexts } from './vlan.ts';

// The table of all settings of a VF. A new one is a file of its own, and its name in each of these lists.

/** What a config may ask of a VF, in the order of documents and errors. */
export const settings = [vlan, mac, mtu, spoofchk, trust, linkState, rate] as const;

/** What a PF keeps of a VF, in the order of records and of what people read of a VF. */
export const pfSettings = [mac, vlan, spoofchk, trust, linkState, rate] as const;

/** The same in the order in which the kernel applies them (do_setvfinfo, net/core/rtnetlink.c). */
const inKernelOrder = [mac, vlan, rate, spoofchk, linkState, trust] as const;

/** What documents say of the keys; an array, which a bundler leaves out where nobody reads it. */
export const settingTexts = [
  vlanTexts,
  macTexts,
  mtuTexts,
  spoofchkTexts,
  trustTexts,
  linkStateTexts,
  rateTexts,
] as const;

/** Of `A | B` makes `A & B`. */
type Both<Either> = (Either extends unknown ? (one: Either) => void : never) extends (both: infer All) => void
  ? All
  : never;
type Flat<All> = { readonly [Key in keyof All]: All[Key] };

export type OnePfSetting = (typeof pfSettings)[number];
type StateOf<One> = One extends { readonly fields: infer Fields } ? Values<Fields> : never;

/** The PF's record of a VF; null where the driver doesn't report it. */
export type VfAdminState = Flat<Both<StateOf<OnePfSetting>>>;

export type VfField = keyof VfAdminState;

/** Settings of a VF, to be made on its PF: of each setting all fields, or none. */
export type VfChange = { readonly [Field in VfField]?: Known<VfAdminState>[Field] };

/** What the user asks of the VF's PF and netdev. An absent key means: leave it as it is. */
export type VfSettings = VfChange & { readonly mtu?: number };

/** The keys of a config that ask for something of a VF, with what they may hold. */
export function settingKeys(): Flat<Both<(typeof settings)[number]['keys']>> {
  return Object.assign({}, ...settings.map(({ keys }) => keys));
}

/** What a record may hold of the PF's record of a VF. */
export function pfFields(): Flat<Both<OnePfSetting['fields']>> {
  return Object.assign({}, ...pfSettings.map(({ fields }) => fields));
}

/** What a config asks for of a setting, in whose keys it has `values`. */
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

/** What of a setting is not as wanted. Fields that aren't wanted, or mean nothing, don't count. */
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
  /** Its fields alone. */
  readonly change: VfChange;
}

/** The settings that are wanted, without those that aren't known, in the order in which the kernel applies them. */
export function partsOf(wanted: Partial<VfAdminState>): readonly WantedSetting[] {
  return inKernelOrder.flatMap((setting) => {
    const fields = fieldsOf(setting).filter((field) => (wanted[field] ?? null) !== null);
    if (fields.length === 0) return [];
    return [{ setting, change: Object.fromEntries(fields.map((field) => [field, wanted[field]])) as VfChange }];
  });
}
