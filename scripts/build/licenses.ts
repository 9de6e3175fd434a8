import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const licenseFile = /^(licen[cs]e|copying|notice)/i;

function licenseTexts(directory: string): string[] {
  return readdirSync(directory)
    .filter((name) => licenseFile.test(name))
    .sort()
    .map((name) => readFileSync(join(directory, name), 'utf8').trim());
}

/** The licences of everything that the executable holds and that is not ours; throws where a package states none. */
export function collectLicenses(root: string, packages: readonly string[]): string {
  const parts = packages.map((name) => {
    const texts = licenseTexts(join(root, 'node_modules', name));
    if (texts.length === 0) throw new Error(`npm package ${name} has no licence file, so it can't be given away`);
    return [`${'='.repeat(20)} ${name} ${'='.repeat(20)}`, ...texts].join('\n\n');
  });
  return `${parts.join('\n\n')}\n`;
}
