import { type Entries, nullable, type object, oneOf, optional, type ValueOf } from '../lib/json-schema.ts';

// The form of an entry of the table (settings.ts): data and pure functions, which config, kernel, vf, state and cli
// read.

/**
 * The type of an object with these keys (Entries). Not constrained to Entries, because tsc would find no end of that.
 */
export type Values<Keys> = Keys extends Entries ? ValueOf<ReturnType<typeof object<Keys>>> : never;

/** A state whose fields are all known. */
export type Known<State> = { readonly [Field in keyof State]-?: NonNullable<State[Field]> };

/** Something that a config may ask of a VF. */
export interface Setting<Keys, Asked> {
  /** The keys that ask for it, and what they may hold. */
  readonly keys: Keys;
  /** `{vlanQoS: 'vlan'}`: the first key is refused if the second one is absent. */
  readonly needs?: { readonly [Key in keyof Keys]?: keyof Keys & string };
  /** Conflicts between values that are valid by themselves, in words behind `is not allowed`. */
  conflicts?(values: Values<Keys>): { readonly [Key in keyof Keys]?: string | false };
  /** What the values ask for: the whole setting, or nothing of it. By default each key asks for its field. */
  asked?(values: Values<Keys>): { readonly [Field in keyof Asked]?: Asked[Field] | undefined };
}

/** A struct of linux/if_link.h that begins with the number of the VF (u32). */
export interface VfStruct {
  /** IFLA_VF_* */
  readonly type: number;
  readonly name: string;
  /** Length that every kernel sends. */
  readonly length: number;
  /** The attribute that holds it, if it isn't in IFLA_VF_INFO itself. */
  readonly list?: { readonly type: number; readonly name: string };
}

/** The structs in an IFLA_VF_INFO; throws SystemError EBADMSG for one that is too short. */
export interface VfInfo {
  find(struct: VfStruct): Buffer | null;
  /** Throws also if the struct is missing. */
  need(struct: VfStruct): Buffer;
}

/** How `inspect` shows the setting; by default each key with its value. */
interface Shown<State> {
  /** Title of its column in the table of VFs. */
  readonly column?: string;
  /** Title of its line if a VF is shown alone; by default the key. */
  readonly title?: string;
  /** Text in the table and in the line. */
  short?(state: State): string;
  long?(state: State): string;
  /** The value that isn't shown below the table. */
  readonly usual?: string | number;
  readonly unit?: string;
  /** Text in place of 0. */
  readonly none?: string;
}

/** A setting that the PF keeps of its VF: one attribute of netlink, with one field or several. */
interface KeptByPf<Keys, Fields, State> extends Setting<Keys, Known<State>> {
  readonly name: string;
  /** Fields of a record. A field that older builds don't write is optional. */
  readonly fields: Fields;
  /** The key of each field. */
  readonly keyOf: { readonly [Field in keyof Fields]: keyof Keys & string };
  /** The value for VFs whose PF reports nothing. Absent: unknown. */
  readonly unreported?: Partial<Known<State>>;
  /** Fields that mean nothing beside the others. */
  meaningless?(wanted: State): readonly (keyof Fields)[];
  /** The netdev has it, too, and can set it if the PF lets it, as can a trusted pod. */
  readonly ofNetdev?: true;
  readonly shown: Shown<State>;
}

/** A setting with one field, whose values have numbers: u32 vf, u32 number. */
export interface ChoiceSetting<Keys, Fields, State = Values<Fields>> extends KeptByPf<Keys, Fields, State> {
  readonly struct: VfStruct;
  /** Values by number. A driver that doesn't know the setting reports another number, for which the field is null. */
  readonly values: readonly string[];
  /** Its word in `ip link set PF vf N ...`. */
  readonly word: string;
}

/** A setting with a struct of another form. */
export interface StructSetting<Keys, Fields, State = Values<Fields>> extends KeptByPf<Keys, Fields, State> {
  /** Reads what the PF reports. */
  read(info: VfInfo): State;
  /** The struct that sets it, and its bytes behind the number of the VF. */
  write(wanted: Known<State>): readonly [VfStruct, ...Uint8Array[]];
  /** The words of `ip link set PF vf N ...`. */
  ip(wanted: Known<State>): string;
}

/**
 * Documentation of a key, for editors (JSON Schema) and docs/configuration.md. The executable contains nothing of it.
 */
export interface KeyText {
  readonly does: string;
  /** Meaning of an absent key. */
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

/** A switch in a config; '' counts as absent, as in sriov-cni. */
export const onOff = optional(oneOf('on', 'off'), '');

/** A switch in a PF's record. */
export const reportedOnOff = nullable(oneOf('on', 'off'));

/** Indexed by the kernel's number of a switch. */
export const offOn = ['off', 'on'] as const;
