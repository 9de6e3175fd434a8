// Writes what is made from the sources: the JSON Schema of the config, and the tables in docs/. A test checks that they are current.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type JsonSchema, toJsonSchema } from '@valibot/to-json-schema';
import type * as v from 'valibot';
import { type ErrorName, errorCodes } from '../src/cni/errors.ts';
import { dependencies, schema, unsupportedKeys } from '../src/config/schema.ts';
import { errorReference } from './error-reference.ts';
import { type KeyText, keyReference } from './key-reference.ts';

const root = join(import.meta.dirname, '..');

const describeKey = (text: KeyText): string =>
  [text.does, `Absent: ${text.absent}.`, ...(text.ip === undefined ? [] : [`Same as \`${text.ip}\`.`])].join(' ');

function describe(node: JsonSchema, texts: Readonly<Record<string, KeyText>>): JsonSchema {
  const properties = Object.entries(node.properties ?? {}).map(([key, property]) => {
    const text = texts[key];
    if (text === undefined || typeof property === 'boolean')
      throw new Error(`key-reference.ts does not describe ${key}`);
    return [key, { description: describeKey(text), ...describe(property, text.children ?? {}) }];
  });
  return properties.length === 0 ? node : { ...node, properties: Object.fromEntries(properties) };
}

/** The JSON Schema (draft 7) of a network config, from the schema that the plugin validates with. */
export function createJsonSchema(): JsonSchema {
  const bare = toJsonSchema(schema, { typeMode: 'output', ignoreActions: ['check'] });
  const { properties, ...rest } = describe(bare, keyReference);
  const refused = Object.entries(unsupportedKeys).map(([key, why]) => [
    key,
    { not: {}, description: `Refused: ${why}.` },
  ]);
  return {
    ...rest,
    title: 'Network config of dra-sriov-cni',
    properties: { ...properties, ...Object.fromEntries(refused) },
    dependencies: Object.fromEntries(dependencies.map(({ key, needs }) => [key, [needs]])),
  } as JsonSchema;
}

/** The first message in a schema: what it allows. */
function allowedBy(entry: unknown): string {
  const { wrapped, pipe, message } = entry as { wrapped?: unknown; pipe?: unknown[]; message?: unknown };
  if (wrapped !== undefined) return allowedBy(wrapped);
  if (typeof message === 'string') return message;
  const [found] = (pipe ?? [])
    .map((part) => (part as { message?: unknown }).message)
    .filter((text) => text !== undefined);
  return String(found);
}

/** Entries of an object schema, through `optional` and `pipe`; none for other schemas. */
function entriesOf(entry: unknown): Readonly<Record<string, unknown>> {
  const { wrapped, pipe, entries } = entry as v.ObjectSchema<v.ObjectEntries, undefined> & {
    readonly wrapped?: unknown;
    readonly pipe?: readonly unknown[];
  };
  if (wrapped !== undefined) return entriesOf(wrapped);
  return pipe === undefined ? (entries ?? {}) : entriesOf(pipe.at(-1));
}

/** Of an array, what its items may be too. */
function itemsAllowedBy(entry: unknown): string {
  const { wrapped, item } = entry as { wrapped?: unknown; item?: unknown };
  if (wrapped !== undefined) return itemsAllowedBy(wrapped);
  return item === undefined ? '' : `; each ${allowedBy(item)}`;
}

function documentKey(path: string, entry: unknown, text: KeyText): string[] {
  const children = Object.entries(entriesOf(entry)).flatMap(([key, child]) => {
    const childText = text.children?.[key];
    if (childText === undefined) throw new Error(`key-reference.ts does not describe ${path}.${key}`);
    return documentKey(`${path}.${key}`, child, childText);
  });
  return [
    `### \`${path}\`\n`,
    `${text.does}\n`,
    `- Allowed: ${allowedBy(entry)}${itemsAllowedBy(entry)}`,
    `- Absent: ${text.absent}`,
    ...(text.ip === undefined ? [] : [`- Same as: \`${text.ip}\``]),
    ...(text.needs === undefined ? [] : [`- Needs: ${text.needs}`]),
    '',
    ...children,
  ];
}

/** The reference of all keys, in Markdown. */
export function createKeyReference(): string {
  const keys = Object.keys(keyReference) as (keyof typeof keyReference)[];
  return keys.flatMap((key) => documentKey(key, schema.entries[key], keyReference[key])).join('\n');
}

const errorNames = Object.keys(errorCodes) as ErrorName[];

/** The table of error codes, in Markdown. */
export function createErrorTable(): string {
  const rows = errorNames.map((name) => {
    const { meaning, remedy } = errorReference[name];
    return `| ${errorCodes[name]} | ${meaning} | ${remedy} |`;
  });
  return ['| Code | Meaning | What to do |', '|---|---|---|', ...rows, ''].join('\n');
}

/** The reference of all error codes, in Markdown. */
export function createErrorReference(): string {
  const sections = errorNames.map((name) => {
    const { meaning, remedy, causes, example } = errorReference[name];
    const shown =
      example === null ? ['This plugin gives no such error by itself.'] : ['```', example.replace(/[{}]/g, ''), '```'];
    return [
      `### ${errorCodes[name]}: ${meaning}\n`,
      ...causes.map((cause) => `- ${cause}`),
      `\nWhat to do: ${remedy}.\n`,
      ...shown,
      '',
    ].join('\n');
  });
  return sections.join('\n');
}

/** `text` with what is between the marker comments of `name` replaced. */
function replaceGenerated(text: string, name: string, content: string): string {
  const begin = `<!-- begin ${name}: written by \`npm run schema\` -->`;
  const end = `<!-- end ${name} -->`;
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`the marker comments of ${name} are missing`);
  return `${before}${begin}\n\n${content}\n${end}${after}`;
}

function formatJson(value: unknown, path: string): string {
  const biome = join(root, 'node_modules/.bin/biome');
  return execFileSync(biome, ['format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: JSON.stringify(value, null, 2),
    encoding: 'utf8',
  });
}

/** Path from the top of the repository -> content that it should have. */
export function createFiles(): ReadonlyMap<string, string> {
  const read = (path: string): string => readFileSync(join(root, path), 'utf8');
  const schemaPath = 'conf-examples/sriov-conf.schema.json';
  return new Map([
    [schemaPath, formatJson(createJsonSchema(), schemaPath)],
    ['docs/configuration.md', replaceGenerated(read('docs/configuration.md'), 'keys', createKeyReference())],
    ['README.md', replaceGenerated(read('README.md'), 'errors', createErrorTable())],
    ['docs/errors.md', replaceGenerated(read('docs/errors.md'), 'errors', createErrorReference())],
  ]);
}

if (import.meta.main) {
  for (const [path, content] of createFiles()) {
    writeFileSync(join(root, path), content);
    process.stdout.write(`wrote ${path}\n`);
  }
}
