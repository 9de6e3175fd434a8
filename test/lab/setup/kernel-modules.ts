import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '../child.ts';
import { LabError } from '../lab-error.ts';

const unpackTimeoutMs = 2 * 60_000;

/** Modules that the lab and most of its tests need. They are loaded at boot. */
export const neededModules = [
  'virtio_console',
  '9pnet_virtio',
  '9p',
  'overlay',
  'igb',
  'igbvf',
  'af_packet',
  '8021q',
  'veth',
  'dummy',
  'macvlan',
  'ipvlan',
  'bridge',
  'vrf',
  'bonding',
  'macvtap',
  'sch_ingress',
  'sch_netem',
  'cls_matchall',
  'act_gact',
  'tun',
  'vfio_iommu_type1',
  'vfio-pci',
] as const;

/** Modules that some tests load: for RDMA, and for bond-cni, whose library opens sockets of XFRM and netfilter. */
export const modulesOnDemand = ['ib_core', 'xfrm_user', 'nfnetlink'] as const;

/** Modules for a cluster's node: its uplink, and its disk, whose file system asks for a checksum by name. */
export const clusterModules = ['virtio_net', 'virtio_blk', 'crc32c_generic', 'ext4'] as const;

/** Parameters that keep the kernel from creating a first device by itself. */
const moduleParameters = new Map([
  ['dummy', 'numdummies=0'],
  ['bonding', 'max_bonds=0'],
]);

function fileIndex(modulesFolder: string): ReadonlyMap<string, string> {
  const index = new Map<string, string>();
  for (const name of readdirSync(modulesFolder, { recursive: true, encoding: 'utf8' })) {
    const match = /([^/]+)\.ko\.xz$/.exec(name);
    if (match !== null) index.set(canonical(match[1] ?? ''), join(modulesFolder, name));
  }
  return index;
}

/** For the kernel - and _ in a module's name are the same. */
function canonical(name: string): string {
  return name.replaceAll('-', '_');
}

/** Modules that are built into this kernel. */
function builtInModules(modulesFolder: string): ReadonlySet<string> {
  const text = readFileSync(join(modulesFolder, 'modules.builtin'), 'utf8');
  return new Set([...text.matchAll(/([^/]+)\.ko$/gm)].map((match) => canonical(match[1] ?? '')));
}

/** The `depends=` entry of a module's .modinfo section. */
function dependencies(module: Buffer): readonly string[] {
  const at = module.indexOf('\0depends=');
  if (at === -1) return [];
  const begin = at + '\0depends='.length;
  return module.toString('latin1', begin, module.indexOf(0, begin)).split(',').filter(Boolean).map(canonical);
}

/**
 * Writes modules and all they depend on into `target`, with a file `order`: names and parameters, dependencies first.
 */
export async function unpackModules(
  names: readonly string[],
  modulesFolder: string,
  target: string,
  unxz: readonly string[],
): Promise<void> {
  const index = fileIndex(modulesFolder);
  const builtIn = builtInModules(modulesFolder);
  const order: string[] = [];
  const done = new Set<string>();
  const visit = async (name: string): Promise<void> => {
    const file = index.get(name);
    if (builtIn.has(name) || done.has(name)) return;
    done.add(name);
    if (file === undefined) throw new LabError('setup', `the kernel package has no module ${name}`);
    const module = await runChecked([...unxz, file], { timeoutMs: unpackTimeoutMs });
    for (const dependency of dependencies(module)) await visit(dependency);
    writeFileSync(join(target, `${name}.ko`), module);
    order.push([name, moduleParameters.get(name) ?? ''].join(' ').trim());
  };
  mkdirSync(target, { recursive: true });
  for (const name of names) await visit(canonical(name));
  writeFileSync(join(target, 'order'), `${order.join('\n')}\n`);
}
