import { readEthtool, readOffloads } from '../../kernel/ethtool.ts';
import { listProcessNetns } from '../../kernel/namespace-search.ts';
import { readPcieLink } from '../../kernel/sysfs.ts';
import { shellWord } from '../../lib/quote.ts';
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
  /** As a shell takes it. */
  readonly ifname: string;
  /** Begins a command line that is to run in the pod's network namespace, whose image may have no ethtool. */
  readonly enter: string;
}

function usedVfs({ pfs }: Survey): readonly Used[] {
  return pfs.flatMap((pf) =>
    pf.vfs.flatMap((vf) => {
      const { holder, place, link, netns } = vf;
      if (holder === null || place !== 'pod' || link === null) return [];
      const name = `${link.name} of ${nameHolder(holder.record.pod, holder.key.containerId)}`;
      return [{ pf, vf, name, ifname: shellWord(link.name), enter: `nsenter --net=${netns}` }];
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

const listTexts = (found: readonly { readonly text: string }[]): string => listSome(found.map(({ text }) => text));

function checkQueues(platform: Platform, used: readonly Used[]): Check | null {
  const cpus = parseCpuList(readText(platform, `${platform.paths.sysfs}/devices/system/cpu/online`)).size;
  const few = used.flatMap(({ vf, name, ifname, enter }) => {
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
    const possible = Math.min(most, cpus);
    if (are === 0 || are >= possible) return [];
    return [{ text: `${name} (${are} of ${most})`, remedy: `${enter} ethtool -L ${ifname} combined ${possible}` }];
  });
  const [first] = few;
  if (first === undefined) return null;
  return warning('queues', `fewer queues than the VF can have: ${listTexts(few)}`, first.remedy);
}

/** A larger share of dropped packets isn't normal. */
const droppedOneIn = 1000;

function checkDrops(platform: Platform, survey: Survey, used: readonly Used[]): Check | null {
  const byAddress = new Map(used.map((one) => [one.vf.sysfs.pci as string, one]));
  const bad = countVfs(platform, survey).flatMap(({ vf, counters }) => {
    const one = byAddress.get(vf.sysfs.pci);
    if (one === undefined || counters === null) return [];
    const lost = counters.rxDropped + counters.txDropped + (counters.rxErrors ?? 0) + (counters.txErrors ?? 0);
    const isMuch = lost * droppedOneIn > counters.rxPackets + counters.txPackets;
    return isMuch ? [{ ...one, text: `${one.name} (${lost})` }] : [];
  });
  const [first] = bad;
  if (first === undefined) return null;
  const { ifname, enter } = first;
  const look = `see whether they grow: ${commandName(platform)} stats --watch; what they are: ${enter} ethtool -S ${ifname}`;
  const remedy = `${look}; where rings are too small: ${enter} ethtool -G ${ifname} rx N, N as ethtool -g tells`;
  return warning('drops', `dropped or broken packets: ${listTexts(bad)}`, remedy);
}

function checkMtu(used: readonly Used[]): Check | null {
  const large = used.filter(({ pf, vf }) => pf.link !== null && vf.link !== null && vf.link.mtu > pf.link.mtu);
  const [first] = large;
  if (first === undefined) return null;
  const pf = first.pf.link?.name;
  const names = large.map(({ pf, vf, name }) => `${name} (${vf.link?.mtu}, PF ${pf.link?.name} ${pf.link?.mtu})`);
  return warning(
    'mtu',
    `larger than the PF’s: ${listSome(names)}`,
    `ip link set ${pf} mtu ${first.vf.link?.mtu}, and the switch port’s as well`,
  );
}

/** What ethtool -K calls them. */
const offloadWords: Readonly<Record<string, string>> = {
  'rx-checksumming': 'rx',
  'tx-checksumming': 'tx',
  'scatter-gather': 'sg',
};

function checkOffloads(platform: Platform, used: readonly Used[]): Check | null {
  const off = used.flatMap(({ vf, name, ifname, enter }) => {
    const read = (): readonly string[] | null =>
      readNetdev(platform, vf, ({ netns }, link) => readOffloads(platform, netns, link.name));
    const missing = readQuietly(read) ?? [];
    if (missing.length === 0) return [];
    const words = missing.map((offload) => `${offloadWords[offload] ?? offload} on`).join(' ');
    const remedy = `${enter} ethtool -k ${ifname} tells which the card has ([fixed]: not); ${enter} ethtool -K ${ifname} ${words}`;
    return [{ text: `${name} (${missing.join(', ')})`, remedy }];
  });
  // These ioctls don't tell an offload that is off from one that the card doesn't have.
  const [first] = off;
  if (first === undefined) return null;
  return note('offloads', `off: ${listTexts(off)}`, first.remedy);
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
