import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '../child.ts';
import { LabError } from '../lab-error.ts';
import type { Progress } from '../progress.ts';
import { deriveSources, readAptSources } from '../setup/apt-sources.ts';
import { cacheFolder } from '../setup/cache-folder.ts';
import { unpackModules } from '../setup/kernel-modules.ts';
import { PrivateApt } from '../setup/private-apt.ts';
import { debianCodename, mergeUsr, unpackDebs } from '../setup/provision.ts';

/** Raise this when what is downloaded, or how it is laid out, changes. */
const recipeVersion = 1;
const xzTimeoutMs = 10_000;
const qemuPackages = ['qemu-system-arm', 'qemu-system-common', 'qemu-system-data', 'ipxe-qemu'] as const;
const toolPackages = ['busybox-static', 'iproute2', 'containernetworking-plugins'] as const;

/** An emulator of an arm64 machine, and what that machine runs. */
export interface Arm64Kit {
  /** Root of the emulator's packages, for this machine's CPU. */
  readonly qemu: string;
  /** Root of the guest's tools. */
  readonly tools: string;
  readonly kernel: string;
  /** Modules, and `order`, the list to load them by. */
  readonly modules: string;
}

const kitIn = (folder: string): Arm64Kit => ({
  qemu: join(folder, 'qemu'),
  tools: join(folder, 'tools'),
  kernel: join(folder, 'kernel'),
  modules: join(folder, 'modules'),
});

async function unpackKernel(deb: string, kit: Arm64Kit, scratch: string): Promise<void> {
  await unpackDebs([deb], scratch);
  const [version = ''] = readdirSync(join(scratch, 'lib/modules'));
  cpSync(join(scratch, 'boot', `vmlinuz-${version}`), kit.kernel);
  const unxz = ['xz', '--decompress', '--stdout'];
  await unpackModules(['igb', 'igbvf', 'af_packet'], join(scratch, 'lib/modules', version), kit.modules, unxz);
  rmSync(scratch, { recursive: true });
}

/** Gets the packages from the machine's own Debian mirror, unpacked into the cache; nothing is installed. */
export async function provideArm64Kit(progress: Progress): Promise<Arm64Kit> {
  const folder = join(cacheFolder(), `arm64-${recipeVersion}`);
  if (existsSync(folder)) return kitIn(folder);
  await runChecked(['xz', '--version'], { timeoutMs: xzTimeoutMs });
  mkdirSync(cacheFolder(), { recursive: true });
  const draft = mkdtempSync(`${folder}.`);
  try {
    const suite = debianCodename();
    const backports = `${suite}-backports`;
    const sources = deriveSources(readAptSources(), suite);
    const kit = kitIn(draft);
    progress(`downloading QEMU from ${backports}`);
    const own = new PrivateApt(join(draft, 'apt'), sources);
    await own.update();
    await unpackDebs(await own.downloadWithNeeds(qemuPackages, backports), kit.qemu);
    await mergeUsr(kit.qemu);
    progress('downloading kernel and tools for arm64 (about 100 MB)');
    const foreign = new PrivateApt(join(draft, 'apt-arm64'), sources, 'arm64');
    await foreign.update();
    const [kernel] = await foreign.depends('linux-image-arm64', backports);
    if (kernel === undefined) throw new LabError('setup', `linux-image-arm64 in ${backports} names no kernel`);
    await unpackKernel(await foreign.download(kernel, backports), kit, join(draft, 'scratch'));
    await unpackDebs(await foreign.downloadWithNeeds(toolPackages, suite), kit.tools);
    await mergeUsr(kit.tools);
    for (const name of ['apt', 'apt-arm64']) rmSync(join(draft, name), { recursive: true });
    renameSync(draft, folder);
    return kitIn(folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}
