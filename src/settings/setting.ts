import { type Entries, nullable, type object, oneOf, optional, type ValueOf } from '../lib/json-schema.ts';

// What an entry of the table is (settings.ts). All of it is data and pure functions: config, kernel, vf, state and cli
// read it.

/** What an object of these keys (Entries) may be. Not bound to Entries: of that itself tsc would find no end. */
export type Values<Keys> = Keys extends Entries ? ValueOf<ReturnType<typeof object<Keys>>> : never;

/** Without what is not known. */
export type Known<State> = { readonly [Field in keyof State]-?: NonNullable<State[Field]> };

/** Something that a config may ask of a VF. */
export interface Setting<Keys, Asked> {
  /** The keys that say it, and what they may hold. */
  readonly keys: Keys;
  /** `{vlanQoS: 'vlan'}`: the one is refused where the other is absent. */
  readonly needs?: { readonly [Key in keyof Keys]?: keyof Keys & string };
  /** What is wrong with values that are right each by itself: `is not allowed ${conflict}`. */
  conflicts?(values: Values<Keys>): { readonly [Key in keyof Keys]?: string | false };
  /** What they ask for: all of the setting, or nothing of it. By itself each key for its field. */
  asked?(values: Values<Keys>): { readonly [Field in keyof Asked]?: Asked[Field] | undefined };
}

/** A struct of linux/if_link.h that begins with the number of the VF (u32). */
export interface VfStruct {
  /** IFLA_VF_* */
  readonly type: number;
  readonly name: string;
  /** Bytes that every kernel sends of it. */
  readonly length: number;
  /** The attribute that it lies in, if not in IFLA_VF_INFO itself. */
  readonly list?: { readonly type: number; readonly name: string };
}

/** The structs in an IFLA_VF_INFO; throws SystemError EBADMSG for one that is too short. */
export interface VfInfo {
  find(struct: VfStruct): Buffer | null;
  /** Throws also where it is missing. */
  need(struct: VfStruct): Buffer;
}

/** How `inspect` shows it; by itself each key with its value. */
interface Shown<State> {
  /** Of its column in the table of VFs. */
  readonly column?: string;
  /** Of its line where a VF is shown alone; by itself the key. */
  readonly title?: string;
  /** In the table, and in the line. */
  short?(state: State): string;
  long?(state: State): string;
  /** Other values stand below the table. */
  readonly usual?: string | number;
  readonly unit?: string;
  /** In place of 0. */
  readonly none?: string;
}

/** A setting that the PF keeps of its VF: one attribute of netlink, with one field or several. */
interface KeptByPf<Keys, Fields, State> extends Setting<Keys, Known<State>> {
  readonly name: string;
  /** What a record may hold. One that is newer than the records of some build is optional. */
  readonly fields: Fields;
  /** The key of each field. */
  readonly keyOf: { readonly [Field in keyof Fields]: keyof Keys & string };
  /** What all VFs have whose PF reports nothing. Absent: that can't be told. */
  readonly unreported?: Partial<Known<State>>;
  /** Fields that mean nothing beside the others. */
  meaningless?(wanted: State): readonly (keyof Fields)[];
  /** The netdev has it too, can set it itself where the PF lets it, and so can a trusted pod. */
  readonly ofNetdev?: true;
  readonly shown: Shown<State>;
}

/** One field, whose values have numbers: u32 vf, u32 number. */
export interface ChoiceSetting<Keys, Fields, State = Values<Fields>> extends KeptByPf<Keys, Fields, State> {
  readonly struct: VfStruct;
  /** By their numbers. A driver that knows nothing of the setting has another one, for which the field is null. */
  readonly values: readonly string[];
  /** What `ip link set PF vf N ...` calls it. */
  readonly word: string;
}

/** Any other. */
export interface StructSetting<Keys, Fields, State = Values<Fields>> extends KeptByPf<Keys, Fields, State> {
  /** As the PF reports it. */
  read(info: VfInfo): State;
  /** The struct that sets it, and what follows the number of the VF. */
  write(wanted: Known<State>): readonly [VfStruct, ...Uint8Array[]];
  /** The words of `ip link set PF vf N ...`. */
  ip(wanted: Known<State>): string;
}

/**
 * How a key is documented, in editors (JSON Schema) and in docs/configuration.md. Nothing of it is in the executable.
 */
export interface KeyText {
  readonly does: string;
  /** What an absent key means. */
  readonly absent: string;
  /** The `ip` command that does the same; PF, N, NAME: the PF's netdev, the VF's number, the pod's interface. */
  readonly ip?: string;
  /** Kernels and drivers where it matters. */
  readonly needs?: string;
  readonly children?: Readonly<Record<string, KeyText>>;
}

export type KeyTexts<Keys> = { readonly [Key in keyof Keys]: KeyText };

export const kept = 'the VF keeps what it has';

/** u32 in the host's order. */
export function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

/** What a config may say of a switch; '' is as absent, as in sriov-cni. */
export const onOff = optional(oneOf('on', 'off'), '');

/** What a PF may report of a switch. */
export const reportedOnOff = nullable(oneOf('on', 'off'));

/** By IFLA_VF_* of switches. */
export const offOn = ['off', 'on'] as const;
