import { usualTypes } from '../../config/sriov-conf.ts';
import { isJsonObject, type Json } from '../../lib/json.ts';
import { quote } from '../../lib/quote.ts';
import type { Tool } from '../tool.ts';
import { error } from '../validate/finding.ts';
import { isDefinition } from '../validate/network.ts';
import { type Manifest, readManifests, textAt } from '../validate/objects.ts';
import { fromYaml, readJson, type SourceDocument } from '../validate/source.ts';
import { place } from '../validate/validate.ts';

/** A network config of this plugin, and its network's name, which is null if it has none. */
export interface NetworkConfig {
  readonly name: string | null;
  readonly config: Json;
}

const nameOf = (value: unknown): string | null => (typeof value === 'string' && value !== '' ? value : null);

/** Our plugin's config of a conflist, or the config itself. */
function pickPlugin(network: Json): NetworkConfig | null {
  const name = nameOf(network['name']);
  if (!Array.isArray(network['plugins'])) return { name, config: network };
  const plugins = network['plugins'].filter(isJsonObject);
  const ours = plugins.find(({ type }) => usualTypes.includes(String(type)));
  return ours === undefined ? null : { name, config: ours };
}

function readText(text: string): SourceDocument {
  const { document, findings } = readJson(text);
  const [finding] = findings;
  if (document === null) {
    const { line, column, message } = place(text, finding ?? error('', 'it is no JSON'));
    throw new Error(line === null ? message : `line ${line}, column ${column}: ${message}`);
  }
  if (!isJsonObject(document.value)) throw new Error('it is no JSON object');
  return document;
}

function readDefinition({ object, name }: Manifest): NetworkConfig | null {
  const config = textAt(object, 'spec', 'config');
  const network = config === null ? null : readText(config).value;
  const picked = isJsonObject(network) ? pickPlugin(network) : null;
  return picked === null ? null : { ...picked, name: picked.name ?? nameOf(name) };
}

/**
 * The network configs of this plugin in a file: a config or conflist in JSON, or NetworkAttachmentDefinitions in YAML
 * or JSON. Throws an Error that says why there is none.
 */
export function readNetworkFile({ here, yaml }: Tool, path: string): readonly NetworkConfig[] {
  const text = here.readFile(path)?.toString('utf8');
  if (text === undefined) throw new Error('no such file');
  const isJson = /^\s*[{[]/.test(text);
  const documents = isJson ? [readText(text)] : yaml().parseYamlSource(text).map(fromYaml);
  const definitions = readManifests(path, documents).filter(({ object }) => isDefinition(object));
  const first = documents[0]?.value;
  const found =
    definitions.length > 0
      ? definitions.flatMap((definition) => readDefinition(definition) ?? [])
      : isJson && isJsonObject(first)
        ? [pickPlugin(first)].filter((network) => network !== null)
        : [];
  if (found.length === 0)
    throw new Error(`holds no network config of type ${usualTypes.map((type) => quote(type)).join(' or ')}`);
  return found;
}
