import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Ingredient, licenseTexts } from './licenses.ts';

interface Locked {
  readonly packages: Readonly<Record<string, { readonly integrity?: string }>>;
}

function hashOf(integrity: string | undefined): Pick<Ingredient, 'hash'> {
  const base64 = /^sha512-(.+)$/.exec(integrity ?? '')?.[1];
  if (base64 === undefined) return {};
  return { hash: { algorithm: 'SHA-512', hex: Buffer.from(base64, 'base64').toString('hex') } };
}

/** Facts of npm packages that are installed below `root`, by package.json and package-lock.json. */
export function npmPackages(root: string, names: Iterable<string>): readonly Ingredient[] {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as Locked;
  return [...names].sort().map((name) => {
    const directory = join(root, 'node_modules', name);
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Record<string, string>;
    const { version = '', license = '' } = manifest;
    return {
      name,
      version,
      license,
      licenseTexts: licenseTexts(directory),
      purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
      ...hashOf(lock.packages[`node_modules/${name}`]?.integrity),
    };
  });
}
