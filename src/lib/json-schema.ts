import { isJsonObject, type Json } from './json.ts';
import { show } from './quote.ts';

// Schemas for JSON from outside, as data: `problemsIn` checks with them, and scripts/write-schema.ts turns them into
// JSON Schema. Every attachment makes them anew, so words for errors and documents are made only when needed
// (`allowedBy`).

interface TextSchema<Text extends string = string> {
  readonly kind: 'text';
  readonly allowed: string;
  /** Without flags, as in JSON Schema. */
  readonly pattern?: RegExp;
  readonly is?: (text: string) => text is Text;
}

interface IntegerSchema {
  readonly kind: 'integer';
  readonly from: number;
  readonly to: number;
}

interface ChoiceSchema<Choice extends string | boolean = string | boolean> {
  readonly kind: 'choice';
  readonly choices: readonly Choice[];
}

interface ArraySchema<Item extends Schema = Schema> {
  readonly kind: 'array';
  readonly allowed: string;
  readonly items: Item;
}

/** An object whose keys are names of the same kind of thing. */
interface MapSchema<Value extends Schema = Schema> {
  readonly kind: 'map';
  readonly allowed: string;
  readonly names: TextSchema;
  readonly values: Value;
}

interface ObjectSchema<Keys extends Entries = Entries> {
  readonly kind: 'object';
  readonly allowed: string;
  readonly keys: Keys;
}

interface NullableSchema<Inner extends Schema = Schema> {
  readonly kind: 'nullable';
  readonly inner: Inner;
}

interface OptionalSchema<Inner extends Schema = Schema> {
  readonly kind: 'optional';
  readonly inner: Inner;
  /** Values that `normalize` takes for absent, besides null. */
  readonly absent: readonly unknown[];
}

export type Schema =
  | TextSchema
  | IntegerSchema
  | ChoiceSchema
  | ArraySchema
  | MapSchema
  | ObjectSchema
  | NullableSchema;

/** The known keys of an object, which may have others. */
export type Entries = Readonly<Record<string, Schema | OptionalSchema>>;

type OptionalKeys<Keys extends Entries> = {
  [Key in keyof Keys]: Keys[Key] extends OptionalSchema ? Key : never;
}[keyof Keys];

/** The type of what a schema allows. */
export type ValueOf<Of> =
  Of extends OptionalSchema<infer Inner>
    ? ValueOf<Inner>
    : Of extends NullableSchema<infer Inner>
      ? ValueOf<Inner> | null
      : Of extends TextSchema<infer Text>
        ? Text
        : Of extends IntegerSchema
          ? number
          : Of extends ChoiceSchema<infer Choice>
            ? Choice
            : Of extends ArraySchema<infer Item>
              ? readonly ValueOf<Item>[]
              : Of extends MapSchema<infer Value>
                ? Readonly<Record<string, ValueOf<Value>>>
                : Of extends ObjectSchema<infer Keys>
                  ? {
                      readonly [Key in Exclude<keyof Keys, OptionalKeys<Keys>>]: ValueOf<Keys[Key]>;
                    } & { readonly [Key in OptionalKeys<Keys>]?: ValueOf<Keys[Key]> }
                  : never;

/** Any text, or one that fits a pattern. */
export function text(allowed = 'a string', pattern?: RegExp): TextSchema {
  return pattern === undefined ? { kind: 'text', allowed } : { kind: 'text', allowed, pattern };
}

export function textThat<Text extends string = string>(
  is: (text: string) => boolean,
  allowed: string,
): TextSchema<Text> {
  return { kind: 'text', allowed, is: is as (text: string) => text is Text };
}

export function integer(from = Number.MIN_SAFE_INTEGER, to = Number.MAX_SAFE_INTEGER): IntegerSchema {
  return { kind: 'integer', from, to };
}

export function oneOf<const Choice extends string | boolean>(...choices: readonly Choice[]): ChoiceSchema<Choice> {
  return { kind: 'choice', choices };
}

export function arrayOf<Item extends Schema>(items: Item, allowed = 'an array'): ArraySchema<Item> {
  return { kind: 'array', allowed, items };
}

export function mapOf<Value extends Schema>(names: TextSchema, values: Value, allowed = 'an object'): MapSchema<Value> {
  return { kind: 'map', allowed, names, values };
}

export function object<Keys extends Entries>(keys: Keys, allowed = 'an object'): ObjectSchema<Keys> {
  return { kind: 'object', allowed, keys };
}

export function nullable<Inner extends Schema>(inner: Inner): NullableSchema<Inner> {
  return { kind: 'nullable', inner };
}

/** A key that may be absent. For `normalize` it is also absent if it has one of these values. */
export function optional<Inner extends Schema>(inner: Inner, ...absent: readonly unknown[]): OptionalSchema<Inner> {
  return { kind: 'optional', inner, absent };
}

/** What a value may be, in words: `an integer from 0 to 7`. */
export function allowedBy(schema: Schema): string {
  if (schema.kind === 'nullable') return `${allowedBy(schema.inner)}, or null`;
  if (schema.kind === 'integer') return describeRange(schema);
  if (schema.kind !== 'choice') return schema.allowed;
  const shown = schema.choices.map((choice) => JSON.stringify(choice));
  return shown.length === 1 ? `${shown[0]}` : `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`;
}

function describeRange({ from, to }: IntegerSchema): string {
  if (to < Number.MAX_SAFE_INTEGER) return `an integer from ${from} to ${to}`;
  return from > Number.MIN_SAFE_INTEGER ? `an integer from ${from} on` : 'an integer';
}

/** Schemas that not every run needs are made by the first call. */
export function lazily<Schemas>(make: () => Schemas): () => Schemas {
  let made: Schemas | null = null;
  return () => {
    made ??= make();
    return made;
  };
}

export interface JsonProblem {
  /** `runtimeConfig.ips[0]`; '' is the whole value. */
  readonly path: string;
  /** Names the value and what is allowed. */
  readonly message: string;
}

type Path = readonly (string | number)[];

function pathText(path: Path): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`));
  return steps.join('').replace(/^\./, '');
}

/** What is wrong with a value, in the order of the schema's keys; nothing is changed. `root` begins each path. */
export function problemsIn(schema: Schema, value: unknown, root = ''): readonly JsonProblem[] {
  const problems: JsonProblem[] = [];
  check(schema, value, root === '' ? [] : [root], problems);
  return problems;
}

/** Nobody reads more problems in one message. */
const maxDescribed = 20;

/** Problems in one message: `vlan: 5000 is not allowed; allowed: …; mtu: …`. */
export function describeProblems(problems: readonly JsonProblem[]): string {
  const described = problems
    .slice(0, maxDescribed)
    .map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
  const left = problems.length - described.length;
  return [...described, ...(left > 0 ? [`and ${left} more`] : [])].join('; ');
}

/** Whether a value is what the schema allows. */
export function fits<Of extends Schema>(schema: Of, value: unknown): value is ValueOf<Of> {
  return isFitting(schema, value);
}

/** Whether `check` finds no problem, without making its words. */
function isFitting(schema: Schema, value: unknown): boolean {
  if (schema.kind === 'nullable') return value === null || isFitting(schema.inner, value);
  if (!hasForm(schema, value)) return false;
  if (schema.kind === 'object') return keysFit(schema.keys, value as Json);
  if (schema.kind === 'array') return (value as readonly unknown[]).every((item) => isFitting(schema.items, item));
  if (schema.kind !== 'map') return true;
  const { names, values } = schema;
  return Object.entries(value as Json).every(([name, inner]) => isFitting(names, name) && isFitting(values, inner));
}

function keysFit(keys: Entries, value: Json): boolean {
  for (const key in keys) {
    const schema = keys[key] as Schema | OptionalSchema;
    const inner = Object.hasOwn(value, key) ? value[key] : undefined;
    const isFit =
      schema.kind !== 'optional' ? isFitting(schema, inner) : inner === undefined || isFitting(schema.inner, inner);
    if (!isFit) return false;
  }
  return true;
}

/** Adds the problems of a value. `path` is as before when this returns. */
function check(schema: Schema, value: unknown, path: (string | number)[], problems: JsonProblem[]): void {
  if (schema.kind === 'nullable') {
    if (value !== null) check(schema.inner, value, path, problems);
    return;
  }
  if (!hasForm(schema, value)) {
    const allowed = allowedBy(schema);
    const message =
      value === undefined ? `missing; needed: ${allowed}` : `${show(value)} is not allowed; allowed: ${allowed}`;
    problems.push({ path: pathText(path), message });
    return;
  }
  if (schema.kind === 'object') checkKeys(schema.keys, value as Json, path, problems);
  else if (schema.kind === 'array') {
    for (const [at, item] of (value as readonly unknown[]).entries()) checkAt(schema.items, item, at, path, problems);
  } else if (schema.kind === 'map') {
    for (const [name, inner] of Object.entries(value as Json)) {
      checkAt(schema.names, name, name, path, problems);
      checkAt(schema.values, inner, name, path, problems);
    }
  }
}

function checkKeys(keys: Entries, value: Json, path: (string | number)[], problems: JsonProblem[]): void {
  for (const key in keys) {
    const schema = keys[key] as Schema | OptionalSchema;
    const inner = Object.hasOwn(value, key) ? value[key] : undefined;
    if (schema.kind !== 'optional') checkAt(schema, inner, key, path, problems);
    else if (inner !== undefined) checkAt(schema.inner, inner, key, path, problems);
  }
}

function checkAt(
  schema: Schema,
  value: unknown,
  step: string | number,
  path: (string | number)[],
  problems: JsonProblem[],
): void {
  path.push(step);
  check(schema, value, path, problems);
  path.pop();
}

/** Doesn't look inside of arrays and objects. */
function hasForm(schema: Exclude<Schema, NullableSchema>, value: unknown): boolean {
  switch (schema.kind) {
    case 'text':
      return typeof value === 'string' && (schema.pattern?.test(value) ?? schema.is?.(value) ?? true);
    case 'integer':
      return Number.isSafeInteger(value) && (value as number) >= schema.from && (value as number) <= schema.to;
    case 'choice':
      return (schema.choices as readonly unknown[]).includes(value);
    case 'array':
      return Array.isArray(value);
    default:
      return isJsonObject(value);
  }
}

/**
 * Takes over what another program has written: of objects only the known keys, without those that are null, as in Go,
 * or have a value for which an optional key counts as absent. A value of another form than the schema's stays as it is,
 * so that `problemsIn` finds it.
 */
export function normalize(schema: ObjectSchema, value: Json): Json;
export function normalize(schema: Schema, value: unknown): unknown;
export function normalize(schema: Schema, value: unknown): unknown {
  if (schema.kind === 'object' && isJsonObject(value)) return normalizeKeys(schema.keys, value);
  if (schema.kind === 'array' && Array.isArray(value)) return value.map((item) => normalize(schema.items, item));
  return schema.kind === 'nullable' ? normalize(schema.inner, value) : value;
}

function normalizeKeys(keys: Entries, value: Json): Json {
  const known: Record<string, unknown> = {};
  for (const key in keys) {
    const inner = Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined;
    if (inner === undefined) continue;
    const schema = keys[key] as Schema | OptionalSchema;
    if (schema.kind !== 'optional') known[key] = normalize(schema, inner);
    else if (!schema.absent.includes(inner)) known[key] = normalize(schema.inner, inner);
  }
  return known;
}
