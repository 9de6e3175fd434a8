/** An object of JSON. */
export type Json = Readonly<Record<string, unknown>>;

/** True for `{...}` of JSON: no array, no null. */
export function isJsonObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
