// Writes the files and tables that are made from the sources: the JSON Schema of the config, and the tables in docs/. A
// test checks that they are current.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type ErrorName, errorCodes } from '../src/cni/errors.ts';
import { schema, unsupportedKeys } from '../src/config/schema.ts';
import { allowedBy, type Entries, type Schema } from '../src/lib/json-schema.ts';
import type { KeyText } from '../src/settings/setting.ts';
import { settings } from '../src/settings/settings.ts';
import { errorReference } from './error-reference.ts';
import { replaceGenerated } from './generated.ts';
import { keyReference } from './key-reference.ts';

const root = join(import.meta.dirname, '..');

const describeKey = (text: KeyText): string =>
  [text.does, `Absent: ${text.absent}.`, ...(text.ip === undefined ? [] : [`Same as \`${text.ip}\`.`])].join(' ');

/** The part of JSON Schema, draft 7, that is needed here. */
export interface JsonSchema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly [keyword: string]: unknown;
}

type Texts = Readonly<Record<string, KeyText>>;

const required = (entry: Entries[string]): Schema => (entry.kind === 'optional' ? entry.inner : entry);

function textOf(texts: Texts | undefined, key: string, path = key): KeyText {
  const text = texts?.[key];
  if (text === undefined) throw new Error(`key-reference.ts does not describe ${path}`);
  return text;
}

function describe(schema: Schema, texts: Texts): JsonSchema {
  switch (schema.kind) {
    case 'text':
      return { type: 'string', ...(schema.pattern === undefined ? {} : { pattern: schema.pattern.source }) };
    case 'integer':
      return { type: 'integer', minimum: schema.from, maximum: schema.to };
    case 'choice':
      return { enum: schema.choices, type: typeof schema.choices[0] };
    case 'array':
      return { type: 'array', items: describe(schema.items, {}) };
    case 'object':
      return { type: 'object', ...describeKeys(schema.keys, texts) };
    default:
      throw new Error(`no network config has a ${schema.kind}`);
  }
}

function describeKeys(keys: Entries, texts: Texts): JsonSchema {
  const properties = Object.entries(keys).map(([key, entry]) => {
    const text = textOf(texts, key);
    return [key, { description: describeKey(text), ...describe(required(entry), text.children ?? {}) }];
  });
  const needed = Object.keys(keys).filter((key) => keys[key]?.kind !== 'optional');
  return {
    ...(needed.length === 0 ? {} : { required: needed }),
    ...(properties.length === 0 ? {} : { properties: Object.fromEntries(properties) }),
  };
}

/** The JSON Schema (draft 7) of a network config, from the schema that the plugin validates with. */
export function createJsonSchema(): JsonSchema {
  const { properties, ...rest } = describe(schema, keyReference);
  const refused = Object.entries(unsupportedKeys).map(([key, why]) => [
    key,
    { not: {}, description: `Refused: ${why}.` },
  ]);
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    ...rest,
    title: 'Network config of dra-sriov-cni',
    properties: { ...properties, ...Object.fromEntries(refused) },
    dependencies: Object.fromEntries(
      settings.flatMap(({ needs = {} }) => Object.entries(needs).map(([key, needed]) => [key, [needed]])),
    ),
  };
}

/** What is allowed, in words; for an array also for its items. */
function describeAllowed(schema: Schema): string {
  return schema.kind === 'array' ? `${allowedBy(schema)}; each ${allowedBy(schema.items)}` : allowedBy(schema);
}

function documentKey(path: string, schema: Schema, text: KeyText): string[] {
  const keys = schema.kind === 'object' ? Object.entries(schema.keys) : [];
  const children = keys.flatMap(([key, entry]) => {
    const inner = `${path}.${key}`;
    return documentKey(inner, required(entry), textOf(text.children, key, inner));
  });
  return [
    `### \`${path}\`\n`,
    `${text.does}\n`,
    `- Allowed: ${describeAllowed(schema)}`,
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
  return keys.flatMap((key) => documentKey(key, required(schema.keys[key]), keyReference[key])).join('\n');
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

function withBlock(path: string, name: string, content: string): [string, string] {
  return [path, replaceGenerated(readFileSync(join(root, path), 'utf8'), name, 'npm run schema', content)];
}

function formatJson(value: unknown, path: string): string {
  const biome = join(root, 'node_modules/.bin/biome');
  return execFileSync(biome, ['format', `--stdin-file-path=${path}`], {
    cwd: root,
    input: JSON.stringify(value, null, 2),
    encoding: 'utf8',
  });
}

/** Path from the top of the repository -> its content. */
export function createFiles(): ReadonlyMap<string, string> {
  const schemaPath = 'conf-examples/sriov-conf.schema.json';
  return new Map([
    [schemaPath, formatJson(createJsonSchema(), schemaPath)],
    withBlock('docs/configuration.md', 'keys', createKeyReference()),
    withBlock('README.md', 'errors', createErrorTable()),
    withBlock('docs/errors.md', 'errors', createErrorReference()),
  ]);
}

if (import.meta.main) {
  for (const [path, content] of createFiles()) {
    writeFileSync(join(root, path), content);
    process.stdout.write(`wrote ${path}\n`);
  }
}
