import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from './cache-folder.ts';

/** Raise this when what provisioning downloads, or how it lays it out, changes. */
export const recipeVersion = 9;

/** QEMU, kernel and programs of the lab, unpacked into one folder of the cache. */
export interface Kit {
  /** Versions of all unpacked packages, by name. */
  readonly packages: Readonly<Record<string, string>>;
  readonly folder: string;
}

export function kitsFolder(): string {
  return join(cacheFolder(), 'kits');
}

/** The file that names the kit in use; it is written last. Checkouts with other recipes have kits of their own. */
export function currentKitFile(): string {
  return join(cacheFolder(), `kit-${recipeVersion}.json`);
}

/** The finished kit of this recipe; undefined where there is none. */
export function readKit(): Kit | undefined {
  const file = currentKitFile();
  if (!existsSync(file)) return undefined;
  const kit = JSON.parse(readFileSync(file, 'utf8')) as Kit;
  return existsSync(kit.folder) ? kit : undefined;
}

const libraryFolder = 'usr/lib/x86_64-linux-gnu';

/** What QEMU, unpacked below `root`, finds its libraries by. */
export const qemuEnvironment = (root: string): Readonly<Record<string, string>> => ({
  LD_LIBRARY_PATH: join(root, libraryFolder),
  QEMU_MODULE_DIR: join(root, libraryFolder, 'qemu'),
});

/** Places inside a kit. */
export const kitPath = {
  qemuRoot: (kit: Kit) => join(kit.folder, 'qemu'),
  qemuBinary: (kit: Kit) => join(kit.folder, 'qemu/usr/bin/qemu-system-x86_64'),
  qemuFirmware: (kit: Kit) => ['usr/share/qemu', 'usr/share/seabios'].map((name) => join(kit.folder, 'qemu', name)),
  qemuEnvironment: (kit: Kit) => qemuEnvironment(join(kit.folder, 'qemu')),
  /**
   * Programs for the guest that the machine may lack: ip, ethtool, ping, tcpdump, and plugins such as host-local in
   * /usr/lib/cni.
   */
  tools: (kit: Kit) => join(kit.folder, 'tools'),
  busybox: (kit: Kit) => join(kit.folder, 'busybox'),
  kernel: (kit: Kit) => join(kit.folder, 'vmlinux'),
  modules: (kit: Kit) => join(kit.folder, 'modules'),
  modulesOnDemand: (kit: Kit) => join(kit.folder, 'modules-on-demand'),
  clusterModules: (kit: Kit) => join(kit.folder, 'cluster-modules'),
  /** Packages for building a kernel module. */
  headers: (kit: Kit) => join(kit.folder, 'headers'),
} as const;
