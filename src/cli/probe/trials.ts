import type { Schema } from '../../lib/json-schema.ts';
import type { MacAddress } from '../../lib/mac-address.ts';
import { askedBy, type OnePfSetting, settings, type VfAdminState, type VfSettings } from '../../settings/settings.ts';
import { substituteMac } from '../../vf/mac-quirks.ts';

type Value = string | number;

/** One value of a key of the config, to be tried. */
export interface Trial {
  readonly key: string;
  readonly value: Value;
  /** What a config with that value asks for, together with the keys that the key needs. */
  readonly asked: VfSettings;
}

/** The present values of a VF, because only other values show anything. */
export interface Given {
  readonly mac: MacAddress;
  readonly mtu: number | null;
  /** Null: there is no PF here. */
  readonly pfMtu: number | null;
  /** Null: the PF tells none. */
  readonly admin: VfAdminState | null;
}

/** Values for keys that aren't a choice among a few. Any other number is tried with its second smallest value. */
const examples: Readonly<Record<string, (given: Given) => Value>> = {
  vlan: ({ admin }) => (admin?.vlan === 100 ? 101 : 100),
  vlanQoS: () => 5,
  mac: ({ mac }) => substituteMac(mac),
  // Every PF can do 1280, the least MTU of IPv6.
  mtu: ({ mtu, pfMtu }) => (pfMtu === null || mtu === pfMtu ? 1280 : pfMtu),
  min_tx_rate: () => 50,
  max_tx_rate: () => 100,
};

function valuesOf(key: string, schema: Schema, given: Given): readonly Value[] {
  const example = examples[key];
  if (example !== undefined) return [example(given)];
  if (schema.kind === 'integer') return [schema.from + 1];
  if (schema.kind !== 'choice') return [];
  return [...new Set(schema.choices.map((choice) => String(choice).toLowerCase()))];
}

type Setting = (typeof settings)[number];

/** The keys of a setting with what they may hold, in the order of documents. */
function keysOf(setting: Setting): readonly (readonly [string, Schema])[] {
  return Object.entries(setting.keys).map(([key, { inner }]) => [key, inner as Schema] as const);
}

const isPfSetting = (setting: Setting): setting is OnePfSetting => 'fields' in setting;

/** The present value of a choice comes last, when it is a change again. */
function currentLast(setting: Setting, trials: readonly Trial[], { admin }: Given): readonly Trial[] {
  if (admin === null || !isPfSetting(setting)) return trials;
  const isCurrent = ({ asked }: Trial): boolean =>
    Object.entries(asked).every(([field, value]) => admin[field as keyof VfAdminState] === value);
  return [...trials.filter((trial) => !isCurrent(trial)), ...trials.filter(isCurrent)];
}

function trialsOf(setting: Setting, given: Given): readonly (readonly Trial[])[] {
  const schemas = keysOf(setting);
  const needs: Readonly<Record<string, string>> = setting.needs ?? {};
  const firstOf = (key: string): Value | undefined => {
    const schema = schemas.find(([each]) => each === key)?.[1];
    return schema === undefined ? undefined : valuesOf(key, schema, given)[0];
  };
  return schemas.map(([key, schema]) => {
    const needed = needs[key];
    const others = needed === undefined ? {} : { [needed]: firstOf(needed) };
    const trials = valuesOf(key, schema, given).map((value): Trial => {
      return { key, value, asked: askedBy(setting, { ...others, [key]: value }) as VfSettings };
    });
    return currentLast(setting, trials, given);
  });
}

const isOfNetdev = (setting: Setting): boolean => isPfSetting(setting) && setting.ofNetdev === true;

/**
 * The trials for a VF, by the table of settings, those of one key together. The MAC comes last, because it would have
 * to be put back again with every setting that is put back after it.
 */
export function listTrials(given: Given): readonly (readonly Trial[])[] {
  const inOrder = [...settings.filter((setting) => !isOfNetdev(setting)), ...settings.filter(isOfNetdev)];
  return inOrder.flatMap((setting) => trialsOf(setting, given)).filter((trials) => trials.length > 0);
}
