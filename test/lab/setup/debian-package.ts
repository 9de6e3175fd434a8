import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { deriveSources, readAptSources } from './apt-sources.ts';
import { cacheFolder } from './cache-folder.ts';
import { PrivateApt } from './private-apt.ts';
import { debianCodename, unpackDebs } from './provision.ts';

/**
 * Folder of a Debian package, with what it needs and this machine lacks, unpacked into the cache when it is first asked
 * for; nothing is installed.
 */
export async function provideDebianPackage(name: string, progress: Progress): Promise<string> {
  const folder = join(cacheFolder(), name);
  if (existsSync(folder)) return folder;
  progress(`downloading ${name}`);
  mkdirSync(cacheFolder(), { recursive: true });
  const draft = mkdtempSync(`${folder}.`);
  try {
    const suite = debianCodename();
    const apt = new PrivateApt(join(draft, 'apt'), deriveSources(readAptSources(), suite));
    await apt.update();
    await unpackDebs(await apt.downloadWithNeeds([name], suite), join(draft, 'root'));
    if (!existsSync(folder)) renameSync(join(draft, 'root'), folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}
