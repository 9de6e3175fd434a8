import { explain } from '../cni/errors.ts';
import { isJsonObject } from '../cni/json-text.ts';
import { quote } from '../lib/quote.ts';
import { parseYamlDocuments } from '../lib/yaml.ts';
import type { Platform } from '../platform/platform.ts';
import { checkDefinition, isDefinition } from './check-definition.ts';
import { checkNetwork } from './check-network.ts';
import { error, type Finding, under } from './finding.ts';
import { readJson } from './read-json.ts';

/** Names under which this plugin is installed: its own, and the one of the plugin it can stand in for. */
export const usualTypes: readonly string[] = ['sriov', 'dra-sriov'];

/** The documents of a file; a List of Kubernetes is its items. */
function flatten(document: unknown): readonly unknown[] {
  const isList = isJsonObject(document) && document['kind'] === 'List' && Array.isArray(document['items']);
  return isList ? (document['items'] as unknown[]) : [document];
}

function checkYaml(text: string, ourTypes: ReadonlySet<string>): Finding[] {
  let documents: unknown[];
  try {
    documents = parseYamlDocuments(text);
  } catch (thrown) {
    return [error('', explain(thrown))];
  }
  const definitions = documents.flatMap(flatten).filter(isDefinition);
  if (definitions.length > 0) return definitions.flatMap((definition) => checkDefinition(definition, ourTypes));
  return [error('', 'holds no network config (JSON) and no NetworkAttachmentDefinition')];
}

function checkJson(text: string, ourTypes: ReadonlySet<string>): Finding[] {
  const { value, findings } = readJson(text);
  if (findings.length > 0) return [...findings];
  if (!isJsonObject(value) || value['kind'] === undefined) return checkNetwork(value, { ourTypes, nameNeeded: true });
  return checkYaml(text, ourTypes);
}

/** Checks the text of a network config, a conflist (both JSON), or NetworkAttachmentDefinitions (YAML or JSON). */
export function checkText(text: string, ourTypes: ReadonlySet<string>): Finding[] {
  const content = text.replace(/^\ufeff/, '');
  if (content.trim() === '') return [error('', 'is empty')];
  return /^\s*[{[]/.test(content) ? checkJson(content, ourTypes) : checkYaml(content, ourTypes);
}

function checkFile(platform: Platform, path: string, ourTypes: ReadonlySet<string>): Finding[] {
  try {
    const bytes = platform.readFile(path);
    return bytes === null ? [error('', 'no such file')] : checkText(bytes.toString('utf8'), ourTypes);
  } catch (thrown) {
    return [error('', explain(thrown))];
  }
}

/** Prints what is wrong with each file, a line each, to stdout. True where no file has an error; warnings don't count. */
export function validateFiles(platform: Platform, paths: readonly string[], types: readonly string[]): boolean {
  const ourTypes = new Set(types);
  const outcomes = paths.map((path) => ({ path, findings: checkFile(platform, path, ourTypes) }));
  for (const { path, findings } of outcomes) {
    const name = quote(path, 1000).slice(1, -1);
    const lines = under(name, ': ', findings).map(
      ({ severity, path: where, message }) => `${severity}: ${where}: ${message}\n`,
    );
    const failed = findings.some(({ severity }) => severity === 'error');
    platform.writeStdout(`${lines.join('')}${failed ? '' : `valid: ${name}\n`}`);
  }
  return outcomes.every(({ findings }) => findings.every(({ severity }) => severity !== 'error'));
}
