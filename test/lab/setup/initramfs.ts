import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { cacheFolder, digest, dropAllButNewest } from './cache-folder.ts';
import { type CpioEntry, consoleEntry, fileEntry, folderEntry, writeCpio } from './cpio.ts';
import { type Kit, kitPath } from './kit.ts';

const archivesToKeep = 4;
const guestFolder = join(import.meta.dirname, '../guest');

/** The guest's two physical functions; the PCI addresses follow from the order of the root ports. */
export const guestPfs = [
  { name: 'ens1f0', pciAddress: '0000:01:00.0' },
  { name: 'ens2f0', pciAddress: '0000:02:00.0' },
] as const;

function entries(kit: Kit): readonly CpioEntry[] {
  const pfs = guestPfs.map(({ name, pciAddress }) => `${pciAddress} ${name}\n`).join('');
  const modules = readdirSync(kitPath.modules(kit)).sort();
  return [
    ...['bin', 'dev', 'proc', 'sys', 'run', 'modules', 'lab'].map(folderEntry),
    consoleEntry,
    fileEntry('bin/busybox', readFileSync(kitPath.busybox(kit))),
    fileEntry('init', readFileSync(join(guestFolder, 'init.sh'))),
    ...['agent.sh', 'enter.sh'].map((name) => fileEntry(`lab/${name}`, readFileSync(join(guestFolder, name)))),
    fileEntry('lab/physical-functions', Buffer.from(pfs)),
    ...modules.map((name) => fileEntry(`modules/${name}`, readFileSync(join(kitPath.modules(kit), name)))),
  ];
}

/** Builds the guest's first root file system, or finds it in the cache. Returns the file, named by its content. */
export function buildInitramfs(kit: Kit): string {
  const archive = writeCpio(entries(kit));
  const folder = join(cacheFolder(), 'initramfs');
  const file = join(folder, `${digest(archive)}.cpio`);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, archive);
  renameSync(draft, file);
  dropAllButNewest(folder, archivesToKeep);
  return file;
}
