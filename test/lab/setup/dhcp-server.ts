import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from '../progress.ts';
import { deriveSources, readAptSources } from './apt-sources.ts';
import { cacheFolder } from './cache-folder.ts';
import { PrivateApt } from './private-apt.ts';
import { debianCodename, unpackDebs } from './provision.ts';

/**
 * It reads packets as they come off the wire: the dhcp plugin's RELEASE has the source 0.0.0.0, which the kernel keeps
 * from sockets.
 */
const packageName = 'isc-dhcp-server';

/**
 * Path of a DHCP server, ISC's, unpacked into the cache from the machine's Debian mirror when it is first asked for.
 */
export async function provideDhcpServer(progress: Progress): Promise<string> {
  const folder = join(cacheFolder(), packageName);
  const program = join(folder, 'usr/sbin/dhcpd');
  if (existsSync(program)) return program;
  progress(`downloading ${packageName} (1.5 MB)`);
  const draft = mkdtempSync(`${folder}.`);
  try {
    const suite = debianCodename();
    const apt = new PrivateApt(join(draft, 'apt'), deriveSources(readAptSources(), suite));
    await apt.update();
    await unpackDebs([await apt.download(packageName, suite)], join(draft, 'root'));
    if (!existsSync(program)) renameSync(join(draft, 'root'), folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return program;
}
