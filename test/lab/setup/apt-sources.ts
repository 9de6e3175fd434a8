import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from '../lab-error.ts';

/** One stanza of apt's deb822 format; keys in lower case, values as written. See sources.list(5). */
export type AptStanza = ReadonlyMap<string, string>;

function parseStanza(text: string): AptStanza {
  const stanza = new Map<string, string>();
  let key = '';
  for (const line of text.split('\n')) {
    if (line.startsWith('#')) continue;
    const field = /^([^\s:]+):(.*)$/.exec(line);
    if (field === null) {
      // A continuation: Signed-By may hold a whole key.
      if (key !== '') stanza.set(key, `${stanza.get(key) ?? ''}\n${line}`);
      continue;
    }
    key = (field[1] ?? '').toLowerCase();
    stanza.set(key, (field[2] ?? '').trim());
  }
  return stanza;
}

function parseDeb822(text: string): AptStanza[] {
  return text.split(/\n[ \t]*\n/).map(parseStanza);
}

function parseOneLine(line: string): AptStanza | undefined {
  const match = /^(deb(?:-src)?)\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*(.*)$/.exec(line.trim());
  if (match === null) return undefined;
  const [, type = '', options = '', uri = '', suite = '', components = ''] = match;
  const stanza = new Map([
    ['types', type],
    ['uris', uri],
    ['suites', suite],
    ['components', components],
  ]);
  for (const option of options.split(/\s+/).filter(Boolean)) {
    const at = option.indexOf('=');
    if (at > 0) stanza.set(option.slice(0, at).toLowerCase(), option.slice(at + 1).replaceAll(',', ' '));
  }
  return stanza;
}

/** Reads all sources of the machine: sources.list and sources.list.d, in both formats. */
export function readAptSources(aptFolder = '/etc/apt'): readonly AptStanza[] {
  const parts = join(aptFolder, 'sources.list.d');
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  const files = [join(aptFolder, 'sources.list'), ...names.map((name) => join(parts, name))].filter(existsSync);
  return files.flatMap((file) => {
    const text = readFileSync(file, 'utf8');
    if (file.endsWith('.sources')) return parseDeb822(text);
    if (!file.endsWith('.list')) return [];
    return text
      .split('\n')
      .map(parseOneLine)
      .filter((stanza) => stanza !== undefined);
  });
}

function words(stanza: AptStanza, key: string): readonly string[] {
  return (stanza.get(key) ?? '').split(/\s+/).filter(Boolean);
}

function writeStanza(stanza: AptStanza, changes: Readonly<Record<string, string>>): string {
  const fields = new Map([...stanza, ...Object.entries(changes)]);
  return [...fields].map(([key, value]) => `${key}: ${value}\n`).join('');
}

/**
 * The machine's own source of the distribution, reduced to `<codename>` and `<codename>-backports`, in deb822 format.
 * Address and key stay as they are, so whatever mirror the machine uses is used.
 */
export function deriveSources(sources: readonly AptStanza[], codename: string): string {
  const usable = sources.filter(
    (stanza) =>
      words(stanza, 'types').includes('deb') &&
      stanza.get('enabled') !== 'no' &&
      words(stanza, 'suites').includes(codename) &&
      words(stanza, 'components').includes('main'),
  );
  const best = usable.find((stanza) => /\/debian\/?(\s|$)/.test(stanza.get('uris') ?? '')) ?? usable[0];
  if (best === undefined) {
    throw new LabError(
      'setup',
      `no apt source names the suite ${codename} with component main; the lab takes QEMU and its kernel from ${codename}-backports on the same mirror`,
    );
  }
  return writeStanza(best, { types: 'deb', suites: `${codename} ${codename}-backports`, components: 'main' });
}
