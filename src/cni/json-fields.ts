import { isJsonObject, type Json } from '../lib/json.ts';
import { quote, show } from '../lib/quote.ts';
import { CniError } from './errors.ts';

/** Reads fields of a JSON object that came from another program; errors name the path of the field and its value. */
export class JsonFields {
  readonly #object: Json;
  readonly #path: string;

  /** `path` is where the object lies, for errors. Throws CniError decode where `value` is no object. */
  constructor(value: unknown, path: string) {
    if (!isJsonObject(value)) throw refuse(path, value, 'an object');
    this.#object = value;
    this.#path = path;
  }

  /** The field if it is there and not null (Go writes null for what is absent). */
  #get(key: string): unknown {
    return Object.hasOwn(this.#object, key) ? (this.#object[key] ?? undefined) : undefined;
  }

  /** '' counts as absent, as for Go's omitempty. */
  text(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || value === '') return undefined;
    if (typeof value !== 'string') throw refuse(`${this.#path}.${key}`, value, 'a string');
    return value;
  }

  requiredText(key: string): string {
    const text = this.text(key);
    if (text === undefined) throw new CniError('decode', `${this.#path}.${key}: missing; it must be a string`);
    return text;
  }

  /** An integer from 0 to 2^32-1. */
  count(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= 0xffffffff) return value;
    throw refuse(`${this.#path}.${key}`, value, 'an integer from 0 to 4294967295');
  }

  /** Any integer that Go's int takes. */
  integer(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined || Number.isSafeInteger(value)) return value as number | undefined;
    throw refuse(`${this.#path}.${key}`, value, 'an integer');
  }

  flag(key: string): boolean | undefined {
    const value = this.#get(key);
    if (value === undefined || typeof value === 'boolean') return value;
    throw refuse(`${this.#path}.${key}`, value, 'true or false');
  }

  /** An address with its prefix length. Only its shape is checked: the kernel layer parses it. */
  cidr(key: string): string {
    const text = this.requiredText(key);
    const prefix = Number(/^[0-9A-Fa-f.:]+\/(\d{1,3})$/.exec(text)?.[1] ?? Number.NaN);
    if (prefix <= (text.includes(':') ? 128 : 32)) return text;
    throw refuse(`${this.#path}.${key}`, text, 'an address with its prefix length, such as "10.0.2.5/24"');
  }

  /** An address without a prefix length. */
  address(key: string): string | undefined {
    const text = this.text(key);
    if (text === undefined || /^[0-9A-Fa-f.:]+$/.test(text)) return text;
    throw refuse(`${this.#path}.${key}`, text, 'an IP address');
  }

  texts(key: string): readonly string[] | undefined {
    const list = this.list(key, (value, path) => {
      if (typeof value !== 'string') throw refuse(path, value, 'a string');
      return value;
    });
    return list.length === 0 ? undefined : list;
  }

  object(key: string): JsonFields | undefined {
    const value = this.#get(key);
    return value === undefined ? undefined : new JsonFields(value, `${this.#path}.${key}`);
  }

  list<Item>(key: string, read: (value: unknown, path: string) => Item): readonly Item[] {
    const value = this.#get(key);
    if (value === undefined) return [];
    if (!Array.isArray(value)) throw refuse(`${this.#path}.${key}`, value, 'an array');
    return value.map((item, at) => read(item, `${this.#path}.${key}[${at}]`));
  }
}

function refuse(path: string, value: unknown, allowed: string): CniError {
  const shown = typeof value === 'string' ? quote(value) : show(value);
  return new CniError('decode', `${path}: ${shown} is not allowed; allowed: ${allowed}`);
}
