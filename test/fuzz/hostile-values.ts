// Inputs for the decoders: valid ones with something hostile in them, for pure noise ends at the first check.
import fc from 'fast-check';

/** Texts that have broken parsers, paths, terminals and logs. */
const hostileTexts: readonly string[] = [
  '',
  ' ',
  '..',
  '../../etc/passwd',
  '/',
  '/dev/zero',
  '.vfs',
  'a\0b',
  'a\nb',
  'time=2026-01-01T00:00:00.000Z level=error msg="forged"\n',
  '\u001b[2J',
  '\u202egpj.exe',
  '\u2028',
  '\ufeff',
  '\ud800',
  '%s%n',
  '$(reboot)',
  '-rf',
  '__proto__',
  'constructor',
  'toString',
  'NaN',
  '0000:3b:02.0',
  '0000:3B:02.0\n',
  '0000:3b:02.8',
  '00:00:00:00:00:00',
  'ff:ff:ff:ff:ff:ff',
  '::ffff:1.2.3.4/129',
  '256.0.0.1/33',
  'x'.repeat(256),
  'x'.repeat(65_536),
  'ü'.repeat(5000),
];

const hostileNumbers: readonly number[] = [-1, -0, 0.5, 4095, 65_536, 2 ** 32, 2 ** 53, 1e308, -1e-308];

export const hostileText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...hostileTexts),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
);

export const hostileValue: fc.Arbitrary<unknown> = fc.oneof(
  hostileText,
  fc.constantFrom<unknown>(null, true, false, ...hostileNumbers),
  fc.integer({ min: -1, max: 70_000 }),
  fc.jsonValue({ maxDepth: 3 }),
  fc.nat(200).map((depth) => nested(depth)),
);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

type Json = Record<string, unknown>;
type Edit = readonly [at: number, how: 'set' | 'remove' | 'add' | 'repeat', key: string, value: unknown];

const edit: fc.Arbitrary<Edit> = fc.tuple(
  fc.nat(10_000),
  fc.constantFrom('set', 'set', 'set', 'remove', 'add', 'repeat'),
  hostileText,
  hostileValue,
);

/** Objects and arrays in a value, outermost first. */
function containersIn(value: unknown): (Json | unknown[])[] {
  if (typeof value !== 'object' || value === null) return [];
  return [value as Json, ...Object.values(value).flatMap(containersIn)];
}

function applyEdit(root: unknown, [at, how, newKey, value]: Edit): void {
  const containers = containersIn(root);
  const container = containers[at % containers.length];
  if (container === undefined) return;
  const keys = Object.keys(container);
  const key = keys[at % Math.max(keys.length, 1)] ?? newKey;
  const fields = container as Json;
  // As with JSON.parse, `__proto__` becomes a key, not the prototype.
  const define = (name: string, what: unknown): void => {
    Object.defineProperty(fields, name, { value: what, enumerable: true, configurable: true, writable: true });
  };
  if (how === 'remove' && Array.isArray(container)) container.splice(at % (container.length + 1), 1);
  else if (how === 'remove') delete fields[key];
  else if (how === 'repeat' && Array.isArray(container)) container.push(...container.slice(0, 50));
  else if (Array.isArray(container)) container[at % (container.length + 1)] = value;
  else define(how === 'set' ? key : newKey, value);
}

/** The sample with up to four things wrong in it. */
export function spoiltJson(sample: unknown): fc.Arbitrary<unknown> {
  return fc.array(edit, { maxLength: 4 }).map((edits) => {
    const copy: unknown = structuredClone(sample);
    for (const each of edits) applyEdit(copy, each);
    return copy;
  });
}

type TextEdit = readonly [at: number, how: 'insert' | 'cut' | 'repeat' | 'end', what: string];

function applyTextEdit(text: string, [position, how, what]: TextEdit): string {
  const at = position % (text.length + 1);
  if (how === 'insert') return text.slice(0, at) + what + text.slice(at);
  if (how === 'cut') return text.slice(0, at) + text.slice(at + 1 + (position % 7));
  if (how === 'end') return text.slice(0, at);
  return text.slice(0, at) + text.slice(Math.max(0, at - 20), at).repeat(1 + (position % 30)) + text.slice(at);
}

/** The text after up to `edits` edits: something (of `fragments`, or any) put in, cut, repeated, or the rest gone. */
export function spoiltText(sample: string, fragments: readonly string[] = [], edits = 4): fc.Arbitrary<string> {
  const what = fragments.length === 0 ? hostileText : fc.oneof(fc.constantFrom(...fragments), hostileText);
  const textEdit = fc.tuple(fc.nat(100_000), fc.constantFrom('insert', 'insert', 'cut', 'repeat', 'end'), what);
  return fc
    .array(textEdit as fc.Arbitrary<TextEdit>, { maxLength: edits })
    .map((all) => all.reduce(applyTextEdit, sample));
}

/** JSON text of a spoilt sample; now and then the text is spoilt as well. */
export function spoiltJsonText(sample: unknown): fc.Arbitrary<string> {
  const fragments = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u0000',
    '1e999',
    '{"__proto__":{"a":1}}',
    '['.repeat(300),
  ];
  const whole = spoiltJson(sample).map((value) => JSON.stringify(value) ?? 'null');
  return fc.oneof(
    { weight: 3, arbitrary: whole },
    { weight: 1, arbitrary: whole.chain((text) => spoiltText(text, fragments)) },
  );
}

/** Syntax of YAML that JSON lacks. */
export const yamlFragments: readonly string[] = [
  '\n',
  '  ',
  '\t',
  '---\n',
  '...\n',
  '- ',
  ': ',
  '? ',
  '# ',
  '&a ',
  '*a',
  '<<: *a\n',
  '!!binary ',
  '!!set ',
  '!<tag:x> ',
  '%YAML 9.9\n---\n',
  '| \n',
  '>+9\n',
  '"\\x00"',
  "'",
  '[',
  '{',
  '[&a [*a,*a],*a]',
  'a: &a [x,x,x]\nb: &b [*a,*a,*a]\nc: &c [*b,*b,*b]\nd: [*c,*c,*c]\n',
  `${'['.repeat(500)}`,
  `${'- '.repeat(500)}`,
  `${'a:\n '.repeat(50)}`,
  '0000:3b:02.1',
  'SRIOVNETWORK_PCI_ADDRESSES=',
];

/** The bytes after up to six edits: some changed, cut, or put in, or a length of netlink's made wrong. */
export function spoiltBytes(sample: Buffer): fc.Arbitrary<Buffer> {
  const lengths = fc.constantFrom(0, 1, 3, 4, 5, 8, 0x7fff, 0xffff);
  const byteEdit = fc.tuple(
    fc.nat(100_000),
    fc.constantFrom('set', 'cut', 'insert', 'length', 'end'),
    fc.nat(255),
    lengths,
  );
  return fc.array(byteEdit, { maxLength: 6 }).map((edits) =>
    edits.reduce((bytes, [position, how, byte, length]) => {
      const at = position % (bytes.length + 1);
      if (how === 'end') return bytes.subarray(0, at);
      if (how === 'cut') return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + (byte % 8))]);
      if (how === 'insert')
        return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1 + (byte % 8), byte), bytes.subarray(at)]);
      const copy = Buffer.from(bytes);
      if (how === 'set' && at < copy.length) copy[at] = byte;
      // An attribute begins at a multiple of 4.
      if (how === 'length' && copy.length >= 4) copy.writeUInt16LE(length, at & ~3 & (copy.length - 2));
      return copy;
    }, sample),
  );
}
