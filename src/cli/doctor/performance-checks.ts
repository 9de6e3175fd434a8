import { readEthtool, readOffloads } from '../../kernel/ethtool.ts';
import { listProcessNetns } from '../../kernel/namespace-search.ts';
import { readPcieLink } from '../../kernel/sysfs.ts';
import type { Platform } from '../../platform/platform.ts';
import { readNetdev, readQuietly, type Survey, type SurveyedPf, type SurveyedVf } from '../node/survey.ts';
import { countVfs } from '../stats/counters.ts';
import { commandName, nameHolder } from '../tool.ts';
import { type Check, listSome, note, ok, warning } from './check.ts';

/** A VF in a pod. */
interface Used {
  readonly pf: SurveyedPf;
  readonly vf: SurveyedVf;
  /** `net1 of ns/web` */
  readonly name: string;
}

function usedVfs({ pfs }: Survey): readonly Used[] {
  return pfs.flatMap((pf) =>
    pf.vfs.flatMap((vf) => {
      const { holder, place, link } = vf;
      if (holder === null || place !== 'pod' || link === null) return [];
      return [{ pf, vf, name: `${link.name} of ${nameHolder(holder.record.pod, holder.key.containerId)}` }];
    }),
  );
}

function checkPcie(platform: Platform, { pfs }: Survey): Check | null {
  const slow = pfs.flatMap(({ sysfs, link, vfs }) => {
    const pcie = vfs.length === 0 ? null : readQuietly(() => readPcieLink(platform, sysfs.pci));
    if (pcie === null || (pcie.gts >= pcie.maxGts && pcie.width >= pcie.maxWidth)) return [];
    const is = `${pcie.gts} GT/s x${pcie.width}, can ${pcie.maxGts} GT/s x${pcie.maxWidth}`;
    return [`${link?.name ?? sysfs.pci} (${is})`];
  });
  if (slow.length === 0) return null;
  return warning('pcie', `slower than the card can: ${listSome(slow)}`, 'another slot, or its speed in the firmware');
}

/** `0-3,8` as numbers. */
function parseCpuList(text: string): ReadonlySet<number> {
  const cpus = new Set<number>();
  for (const [, first = '', last = first] of text.matchAll(/(\d+)(?:-(\d+))?/g)) {
    for (let cpu = Number(first); cpu <= Math.min(Number(last), 8191); cpu++) cpus.add(cpu);
  }
  return cpus;
}

function readText(platform: Platform, path: string): string {
  return readQuietly(() => platform.readFile(path)?.toString('utf8') ?? null) ?? '';
}

/** The CPUs that processes of each network namespace (by inode) may use, each list once. */
function listAllowedCpus(platform: Platform): ReadonlyMap<string, ReadonlySet<string>> {
  const allowed = new Map<string, Set<string>>();
  for (const { path, target } of readQuietly(() => [...listProcessNetns(platform)]) ?? []) {
    const inode = /^net:\[(\d+)\]$/.exec(target)?.[1];
    const status = readText(platform, path.replace(/ns\/net$/, 'status'));
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1];
    if (inode === undefined || list === undefined) continue;
    allowed.set(inode, (allowed.get(inode) ?? new Set()).add(list));
  }
  return allowed;
}

/** Looks only at processes that are held to some CPUs; others run where the scheduler likes. */
function checkCpus(platform: Platform, used: readonly Used[]): Check | null {
  const known = used.filter(({ vf }) => vf.sysfs.numaNode !== null);
  if (known.length === 0) return null;
  const allowed = listAllowedCpus(platform);
  const all = parseCpuList(readText(platform, `${platform.paths.sysfs}/devices/system/cpu/online`));
  const away = known.filter(({ vf }) => {
    const path = `${platform.paths.sysfs}/devices/system/node/node${vf.sysfs.numaNode}/cpulist`;
    const near = parseCpuList(readText(platform, path));
    const lists = [...(allowed.get(vf.holder?.record.netns.inode ?? '') ?? [])].map(parseCpuList);
    const held = lists.filter((cpus) => cpus.size < all.size);
    return near.size > 0 && held.some((cpus) => ![...cpus].some((cpu) => near.has(cpu)));
  });
  if (away.length === 0) return null;
  const names = away.map(({ name, vf }) => `${name} (NUMA node ${vf.sysfs.numaNode})`);
  const remedy = 'kubelet: topologyManagerPolicy single-numa-node; or claim VFs of the node that its CPUs are of';
  return warning('cpus', `VFs away from all CPUs of a process: ${listSome(names)}`, remedy);
}

/** Offsets in struct ethtool_channels behind the command: most combined queues, present combined queues. */
const [maxCombinedAt, combinedAt] = [12, 28];

function checkQueues(platform: Platform, used: readonly Used[]): Check | null {
  const cpus = parseCpuList(readText(platform, `${platform.paths.sysfs}/devices/system/cpu/online`)).size;
  const few = used.flatMap(({ vf, name }) => {
    const hex = readQuietly(() =>
      readNetdev(
        platform,
        vf,
        ({ netns }, link) => readEthtool(platform, netns, link.name, ['channels']).channels ?? null,
      ),
    );
    if (hex === null) return [];
    const channels = Buffer.from(hex, 'hex');
    if (channels.length < combinedAt + 4) return [];
    const [most, are] = [channels.readUInt32LE(maxCombinedAt), channels.readUInt32LE(combinedAt)];
    return are > 0 && are < Math.min(most, cpus) ? [`${name} (${are} of ${most})`] : [];
  });
  if (few.length === 0) return null;
  return warning(
    'queues',
    `fewer queues than the VF can have: ${listSome(few)}`,
    'in the pod: ethtool -L IFNAME combined N',
  );
}

/** A larger share of dropped packets isn't normal. */
const droppedOneIn = 1000;

function checkDrops(platform: Platform, survey: Survey, used: readonly Used[]): Check | null {
  const names = new Map(used.map(({ vf, name }) => [vf.sysfs.pci as string, name]));
  const bad = countVfs(platform, survey).flatMap(({ vf, counters }) => {
    const name = names.get(vf.sysfs.pci);
    if (name === undefined || counters === null) return [];
    const lost = counters.rxDropped + counters.txDropped + (counters.rxErrors ?? 0) + (counters.txErrors ?? 0);
    return lost * droppedOneIn > counters.rxPackets + counters.txPackets ? [`${name} (${lost})`] : [];
  });
  if (bad.length === 0) return null;
  const watch = `${commandName(platform)} stats --watch`;
  const remedy = `see whether they grow: ${watch}; in the pod: ethtool -S IFNAME, larger rings: ethtool -G`;
  return warning('drops', `dropped or broken packets: ${listSome(bad)}`, remedy);
}

function checkMtu(used: readonly Used[]): Check | null {
  const large = used.filter(({ pf, vf }) => pf.link !== null && vf.link !== null && vf.link.mtu > pf.link.mtu);
  if (large.length === 0) return null;
  const names = large.map(({ pf, vf, name }) => `${name} (${vf.link?.mtu}, PF ${pf.link?.name} ${pf.link?.mtu})`);
  return warning('mtu', `larger than the PF’s: ${listSome(names)}`, 'raise the PF’s MTU, and that of the switch port');
}

function checkOffloads(platform: Platform, used: readonly Used[]): Check | null {
  const off = used.flatMap(({ vf, name }) => {
    const read = (): readonly string[] | null =>
      readNetdev(platform, vf, ({ netns }, link) => readOffloads(platform, netns, link.name));
    const missing = readQuietly(read) ?? [];
    return missing.length === 0 ? [] : [`${name} (${missing.join(', ')})`];
  });
  if (off.length === 0) return null;
  // These ioctls don't tell an offload that is off from one that the card doesn't have.
  const remedy = 'in the pod: ethtool -k IFNAME tells which can be switched on, ethtool -K IFNAME … on does it';
  return note('offloads', `off: ${listSome(off)}`, remedy);
}

/** Checks for what slows the VFs of pods down; a single one if nothing does. */
export function checkPerformance(platform: Platform, survey: Survey): readonly Check[] {
  const used = usedVfs(survey);
  const found = [
    checkPcie(platform, survey),
    checkCpus(platform, used),
    checkQueues(platform, used),
    checkDrops(platform, survey, used),
    checkMtu(used),
    checkOffloads(platform, used),
  ].filter((check) => check !== null);
  if (found.length > 0) return found;
  return [ok('performance', 'PCIe, CPUs, queues, drops, MTU and offloads of VFs in pods')];
}
