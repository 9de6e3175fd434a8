import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import process from 'node:process';
import { runChecked, runChild } from '../child.ts';
import { LabError } from '../lab-error.ts';
import { onProcessEnd } from '../process-end.ts';
import { elapsed, type Progress } from '../progress.ts';
import { deriveSources, readAptSources } from './apt-sources.ts';
import { digest, dropAllButNewest } from './cache-folder.ts';
import { extractKernel } from './kernel-image.ts';
import { clusterModules, modulesOnDemand, neededModules, unpackModules } from './kernel-modules.ts';
import { currentKitFile, type Kit, kitPath, kitsFolder, readKit, recipeVersion } from './kit.ts';
import { PrivateApt } from './private-apt.ts';

const kernelMetapackage = 'linux-image-amd64';
const busyboxPackage = 'busybox-static';
const qemuPackages = ['qemu-system-x86', 'qemu-system-common', 'qemu-system-data', 'seabios', 'ipxe-qemu'] as const;
const toolPackages = ['iproute2', 'ethtool', 'iputils-ping', 'tcpdump', 'containernetworking-plugins'] as const;
const neededPrograms = ['apt-get', 'apt-cache', 'dpkg', 'dpkg-deb', 'setpriv'] as const;
const kitsToKeep = 3;
const unpackTimeoutMs = 3 * 60_000;
const programTimeoutMs = 60_000;

interface Downloads {
  readonly qemu: readonly string[];
  readonly tools: readonly string[];
  readonly busybox: string;
  readonly kernel: string;
  readonly headers: readonly string[];
}

async function works(argv: readonly string[]): Promise<boolean> {
  return runChild(argv, { timeoutMs: programTimeoutMs }).then(
    (result) => result.status === 0,
    () => false,
  );
}

async function requireMachine(): Promise<void> {
  for (const program of neededPrograms) {
    if (!(await works([program, '--version']))) {
      throw new LabError('setup', `${program} does not run; the lab sets itself up on Debian 12 with apt`);
    }
  }
  const architecture = await runChecked(['dpkg', '--print-architecture'], { timeoutMs: programTimeoutMs });
  if (architecture.toString().trim() !== 'amd64') {
    throw new LabError('setup', `the lab runs on amd64 only, not on ${architecture.toString().trim()}`);
  }
}

export function debianCodename(): string {
  const release = readFileSync('/etc/os-release', 'utf8');
  const codename = /^VERSION_CODENAME=(\S+)$/m.exec(release)?.[1];
  if (codename === undefined) throw new LabError('setup', '/etc/os-release names no VERSION_CODENAME');
  return codename;
}

async function download(folder: string, progress: Progress): Promise<Downloads> {
  const suite = debianCodename();
  const backports = `${suite}-backports`;
  const sources = deriveSources(readAptSources(), suite);
  const apt = new PrivateApt(folder, sources);
  progress(`reading the package lists of ${suite} and ${backports}`);
  await apt.update();
  progress(`downloading QEMU from ${backports}`);
  const qemu = await apt.downloadWithNeeds(qemuPackages, backports);
  progress(`downloading ${toolPackages.join(', ')} for the guest`);
  const tools = await apt.downloadWithNeeds(toolPackages, suite);
  const busybox = await apt.download(busyboxPackage, suite);
  const kernelName = (await apt.depends(kernelMetapackage, backports)).find((name) => name.startsWith('linux-image-'));
  if (kernelName === undefined) throw new LabError('setup', `${kernelMetapackage} in ${backports} names no kernel`);
  progress(`downloading ${kernelName} from ${backports} (about 100 MB)`);
  const kernel = await apt.download(kernelName, backports);
  return { qemu, tools, busybox, kernel, headers: await downloadHeaders(apt, kernelName, backports) };
}

/** The headers of a kernel, and the programs that its modules are built with. */
async function downloadHeaders(apt: PrivateApt, kernelName: string, suite: string): Promise<readonly string[]> {
  const name = kernelName.replace('linux-image-', 'linux-headers-');
  const needed = (await apt.depends(name, suite)).filter((each) => /^linux-(headers|kbuild)-/.test(each));
  const files: string[] = [];
  for (const each of [name, ...needed]) files.push(await apt.download(each, suite));
  return files;
}

function packageVersions(downloads: Downloads): Readonly<Record<string, string>> {
  const { qemu, tools, busybox, kernel, headers } = downloads;
  const files = [...qemu, ...tools, busybox, kernel, ...headers];
  return Object.fromEntries(
    files.map((file) => {
      const [name = '', version = ''] = decodeURIComponent(basename(file)).split('_');
      return [name, version];
    }),
  );
}

export async function unpackDebs(files: readonly string[], target: string): Promise<void> {
  mkdirSync(target, { recursive: true });
  for (const file of files) await runChecked(['dpkg-deb', '-x', file, target], { timeoutMs: unpackTimeoutMs });
}

/** Moves `/bin`, `/sbin`, `/lib` of older packages under `/usr`, where the machine has them. */
export async function mergeUsr(root: string): Promise<void> {
  for (const name of ['bin', 'sbin', 'lib']) {
    if (!existsSync(join(root, name))) continue;
    mkdirSync(join(root, 'usr', name), { recursive: true });
    await runChecked(['cp', '-a', `${join(root, name)}/.`, join(root, 'usr', name)], { timeoutMs: unpackTimeoutMs });
    rmSync(join(root, name), { recursive: true });
  }
}

async function unpack(downloads: Downloads, kit: Kit, progress: Progress): Promise<void> {
  progress('unpacking QEMU and the tools');
  await unpackDebs(downloads.qemu, kitPath.qemuRoot(kit));
  await mergeUsr(kitPath.qemuRoot(kit));
  await unpackDebs(downloads.tools, kitPath.tools(kit));
  await mergeUsr(kitPath.tools(kit));

  progress('unpacking the kernel and its modules');
  const scratch = join(kit.folder, 'scratch');
  await unpackDebs([downloads.busybox, downloads.kernel], scratch);
  copyFileSync(join(scratch, 'bin/busybox'), kitPath.busybox(kit));
  const [version = ''] = readdirSync(join(scratch, 'lib/modules'));
  writeFileSync(kitPath.kernel(kit), extractKernel(readFileSync(join(scratch, 'boot', `vmlinuz-${version}`))));
  const unxz = [kitPath.busybox(kit), 'unxz', '-c'];
  const modules = join(scratch, 'lib/modules', version);
  await unpackModules(neededModules, modules, kitPath.modules(kit), unxz);
  await unpackModules(modulesOnDemand, modules, kitPath.modulesOnDemand(kit), unxz);
  await unpackModules(clusterModules, modules, kitPath.clusterModules(kit), unxz);
  rmSync(scratch, { recursive: true });
  mkdirSync(kitPath.headers(kit));
  for (const file of downloads.headers) copyFileSync(file, join(kitPath.headers(kit), basename(file)));
}

async function checkQemu(kit: Kit): Promise<void> {
  const env = kitPath.qemuEnvironment(kit);
  const argv = [kitPath.qemuBinary(kit), '-device', 'help'];
  const devices = await runChecked(argv, { timeoutMs: programTimeoutMs, env });
  if (!devices.includes('"igb"'))
    throw new LabError('setup', 'this QEMU has no igb device; 8.0 is the first that does');
}

/** Puts the finished folder in its place and names it the current one; runs beside others that do the same. */
function publish(kit: Kit): Kit {
  const name = digest(String(recipeVersion), ...Object.entries(kit.packages).flat());
  const published: Kit = { ...kit, folder: join(kitsFolder(), name) };
  if (existsSync(published.folder)) rmSync(kit.folder, { recursive: true });
  else renameSync(kit.folder, published.folder);
  const draft = `${currentKitFile()}.${process.pid}`;
  writeFileSync(draft, `${JSON.stringify(published, undefined, 2)}\n`);
  renameSync(draft, currentKitFile());
  dropAllButNewest(kitsFolder(), kitsToKeep);
  return published;
}

/**
 * Gets QEMU, a kernel and guest tools from the machine's own Debian mirror, unpacked into the cache; nothing is
 * installed, pinned or upgraded. Does nothing when the cache holds them; `refresh` asks the mirror for newer ones.
 */
export async function provision(progress: Progress, options: { readonly refresh?: boolean } = {}): Promise<Kit> {
  const ready = readKit();
  if (ready !== undefined && options.refresh !== true) return ready;
  const begin = performance.now();
  progress('setting up on this machine; this is done once');
  await requireMachine();
  mkdirSync(kitsFolder(), { recursive: true });
  const folder = mkdtempSync(join(kitsFolder(), 'unfinished-'));
  const forget = onProcessEnd(() => rmSync(folder, { recursive: true, force: true }));
  try {
    const aptFolder = join(folder, 'apt');
    const downloads = await download(aptFolder, progress);
    const draft: Kit = { packages: packageVersions(downloads), folder };
    await unpack(downloads, draft, progress);
    rmSync(aptFolder, { recursive: true });
    await checkQemu(draft);
    const kit = publish(draft);
    progress(`set up in ${elapsed(begin)}`);
    return kit;
  } finally {
    rmSync(folder, { recursive: true, force: true });
    forget();
  }
}
