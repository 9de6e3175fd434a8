import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const licenseFile = /^(licen[cs]e|copying|notice)/i;

/** The texts of the licence files of a directory; none where there are none. */
export function licenseTexts(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => licenseFile.test(name))
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8').trim());
}

/** A name and the directory where its licence lies. */
export type Licensed = readonly [name: string, directory: string];

/** The licences of everything that the executable holds and that is not ours; throws where one states none. */
export function joinLicenses(licensed: readonly Licensed[]): string {
  const parts = licensed.map(([name, directory]) => {
    const texts = licenseTexts(directory);
    if (texts.length === 0) throw new Error(`package ${name} has no licence file, so it can't be given away`);
    return [`${'='.repeat(20)} ${name} ${'='.repeat(20)}`, ...texts].join('\n\n');
  });
  return `${parts.join('\n\n')}\n`;
}

/** joinLicenses for npm packages. */
export function collectLicenses(root: string, packages: readonly string[]): string {
  return joinLicenses(packages.map((name) => [name, join(root, 'node_modules', name)]));
}
