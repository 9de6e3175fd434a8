/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** True for an object of JSON; false for an array and null. */
export function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `Fields` with every key that may be undefined made optional. */
type Present<Fields> = {
  readonly [Key in keyof Fields as undefined extends Fields[Key] ? never : Key]: Fields[Key];
} & { readonly [Key in keyof Fields as undefined extends Fields[Key] ? Key : never]?: Exclude<Fields[Key], undefined> };

/** The object without its undefined entries, frozen. */
export function present<Fields extends object>(fields: Fields): Present<Fields> {
  return Object.freeze(
    Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)),
  ) as Present<Fields>;
}
