import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const licenseFile = /^(licen[cs]e|copying|notice)/i;

/** The texts of the licence files of a directory. */
export function licenseTexts(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => licenseFile.test(name))
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8').trim());
}

/** Something that the executable holds and that is not ours. */
export interface Ingredient {
  readonly name: string;
  readonly version: string;
  /** SPDX expression. */
  readonly license: string;
  readonly licenseTexts: readonly string[];
  /** Package URL, https://github.com/package-url/purl-spec. */
  readonly purl: string;
  /** Of the archive that the registry serves; hexadecimal. */
  readonly hash?: { readonly algorithm: 'SHA-256' | 'SHA-512'; readonly hex: string };
}

/** The licences of everything in the executable that is not ours; throws if an ingredient states none. */
export function joinLicenses(ingredients: readonly Pick<Ingredient, 'name' | 'licenseTexts'>[]): string {
  const parts = ingredients.map(({ name, licenseTexts: texts }) => {
    if (texts.length === 0) throw new Error(`package ${name} has no licence file, so it can't be given away`);
    return [`${'='.repeat(20)} ${name} ${'='.repeat(20)}`, ...texts].join('\n\n');
  });
  return `${parts.join('\n\n')}\n`;
}
