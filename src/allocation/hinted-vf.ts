import type { DeviceHint } from '../config/sriov-conf.ts';
import { readVf } from '../kernel/sysfs.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import { type HintMeaning, parseDeviceName, readHint } from './device-hint.ts';
import { readDeviceInfo } from './device-info.ts';
import { type PodVfs, readClaimDevice } from './driver-specs.ts';
import { chooseVf, type FoundVf, findByPod } from './pod-vfs.ts';
import { requireEntitlement } from './pods.ts';
import type { Search } from './search.ts';
import { whyNotSelected } from './selector.ts';

const describe = ({ key, value }: DeviceHint): string => `${key} ${quote(value)}`;

/** Refuses a VF that was named explicitly if a source contradicts it; asks only those that cost little. */
function refuseContradictions(search: Search, pci: PciAddress, source: string): void {
  const { ask, platform, trace } = search;
  const refuse = (other: string, held: readonly string[], what: string): never => {
    trace.add(source, [pci], `contradicted by ${other}`);
    trace.add(other, held, what);
    throw trace.failure('contradictorySources', `${source} says VF ${pci}, but ${other} ${what}`);
  };
  const pod = search.podSpec();
  if (pod !== null && !pod.addresses.includes(pci)) {
    refuse(pod.source, pod.addresses, `lists ${pod.addresses.join(', ') || 'none'} for ${search.podName}`);
  }
  const { vfSelector } = ask.conf;
  const deviceInfoFile = deviceInfoFileOf(search);
  // Only another address matters there, because the VF has been named.
  const info = deviceInfoFile === undefined ? null : readDeviceInfo(platform, deviceInfoFile);
  if (info?.kind === 'pci' && info.pci !== pci) refuse(`device info ${deviceInfoFile}`, [info.pci], `says ${info.pci}`);
  // A VF that sysfs doesn't have gets a clearer error from the next step.
  const reason =
    vfSelector === undefined || readVf(platform, pci) === null ? null : whyNotSelected(platform, pci, vfSelector);
  if (reason !== null) refuse('vfSelector of the network config', [], `rules it out: ${reason}`);
}

/** Only below devinfoDir: the author of a config, who may write this key, shall not learn which files a node has. */
function deviceInfoFileOf({ ask, platform, trace }: Search): string | undefined {
  const { deviceInfoFile } = ask.conf;
  const { devinfoDir } = platform.paths;
  const unaliased = (path: string): string => path.replace(/^\/+var\/+run\//, '/run/');
  if (deviceInfoFile === undefined || unaliased(deviceInfoFile).startsWith(`${unaliased(devinfoDir)}/`)) {
    return deviceInfoFile;
  }
  throw trace.failure(
    'invalidConfig',
    `runtimeConfig.CNIDeviceInfoFile ${quote(deviceInfoFile)} is not allowed; allowed: a file below ${devinfoDir}`,
  );
}

function refuseHeld({ ask, trace }: Search, pci: PciAddress, source: string): void {
  const holder = ask.held.get(pci);
  if (holder === undefined) return;
  trace.add(source, [pci], `held by ${holder}`);
  throw trace.failure('vfBusy', `VF ${pci} (from ${source}) is in use by another attachment of this pod: ${holder}`);
}

/** Takes a VF that a source names explicitly. Throws CniError contradictorySources, vfBusy, decode. */
function take(search: Search, pci: PciAddress, source: string): FoundVf {
  refuseContradictions(search, pci, source);
  const entitlement = requireEntitlement(search, pci, source);
  refuseHeld(search, pci, source);
  search.trace.add(source, [pci], `${pci} taken, ${entitlement}`);
  return { pci, source };
}

/** The first hint that is a PCI address: runtimeConfig.deviceID, deviceID, pciBusID. Null if none is. */
export function findByAddress(search: Search): FoundVf | null {
  const { deviceHints } = search.ask.conf;
  for (const hint of deviceHints) {
    const meaning = readHint(hint, search.podUid);
    if (meaning.shape !== 'address') continue;
    for (const other of deviceHints) {
      if (other.value !== hint.value)
        search.trace.add(other.key, [quote(other.value)], `not used: ${hint.key} is an address and comes first`);
    }
    return take(search, meaning.pci, hint.key);
  }
  return null;
}

/** The VF of the first hint that names a CDI device, by the CDI specs. Null if none does. Throws CniError. */
export function findByCdiDevice(search: Search): FoundVf | null {
  for (const hint of search.ask.conf.deviceHints) {
    const meaning = readHint(hint, search.podUid);
    if (meaning.shape === 'pod') return findByPodHint(search, hint, meaning);
    if (meaning.shape === 'device') return findByDeviceName(search, describe(hint), meaning.name);
    if (meaning.shape === 'foreign') search.trace.add(hint.key, [quote(hint.value)], meaning.why);
  }
  return null;
}

function findByPodHint(search: Search, hint: DeviceHint, meaning: HintMeaning & { shape: 'pod' }): FoundVf {
  const { trace, podUid, podName } = search;
  if (podUid === null) {
    trace.add(hint.key, [quote(hint.value)], 'the CDI device of a pod: of which one, CNI_ARGS does not say');
    throw trace.failure(
      'noVfForPod',
      `${describe(hint)} is the CDI device of a pod, and CNI_ARGS has no K8S_POD_UID that says that it is ${podName}`,
    );
  }
  if (meaning.podUid !== podUid) {
    trace.add(hint.key, [quote(hint.value)], 'the CDI device of another pod');
    throw trace.failure(
      'contradictorySources',
      `${describe(hint)} is another pod's CDI device, not that of ${podName}`,
    );
  }
  trace.add(hint.key, [quote(hint.value)], "the pod's own CDI device: any of its VFs");
  return findByPod(search);
}

function findByDeviceName(search: Search, hint: string, name: string): FoundVf {
  const claim = readClaimDevice(search.specs, name, search.trace);
  const pod = search.podSpecAnywhere();
  if (claim === null) return takeAfterReboot(search, hint, name, pod);
  const source = `${hint} through per-claim CDI spec ${claim.file}`;
  return takeOrSibling(search, claim.pci, source, claim.claimUid, pod);
}

/**
 * Takes the address in the name if the pod's spec lists it: that comes back after a reboot, those of claims don't.
 */
function takeAfterReboot(search: Search, hint: string, name: string, pod: PodVfs | null): FoundVf {
  const { trace } = search;
  const device = parseDeviceName(name);
  if (device !== null && device.pci !== null && pod?.addresses.includes(device.pci)) {
    return takeOrSibling(search, device.pci, `${hint}, listed by ${pod.source}`, device.claimUid, pod);
  }
  trace.add(hint, [], 'no CDI spec has this device');
  if (pod !== null) trace.add(pod.source, pod.addresses, 'does not list its address');
  const why =
    pod === null ? `and there is no per-pod CDI spec of ${search.podName}` : `and ${pod.source} does not list it`;
  throw trace.failure('noVfForPod', `${hint} names a CDI device that no spec on this node has, ${why}`);
}

/**
 * Takes the VF, or another one of the same claim if another attachment has it: Multus up to 4.3 hands out the CDI names
 * of a claim one after the other, `<podUID>` among them, which may have been answered with this VF already.
 */
function takeOrSibling(
  search: Search,
  pci: PciAddress,
  source: string,
  claimUid: string | null,
  pod: PodVfs | null,
): FoundVf {
  const holder = search.ask.held.get(pci);
  if (holder === undefined || pod === null || claimUid === null) return take(search, pci, source);
  refuseContradictions(search, pci, source);
  const siblings = search.claimsOf(pod.addresses).filter((vf) => vf.claimUid === claimUid);
  const addresses = siblings.map((vf) => vf.pci);
  if (addresses.every((sibling) => search.ask.held.has(sibling))) return take(search, pci, source);
  search.trace.add(source, [pci], `held by ${holder}: another VF of claim ${claimUid} is looked for`);
  const pool = { source: `claim ${claimUid} in ${pod.source}`, addresses };
  return { pci: chooseVf(search, pool, pod), source: `${source}, whose own VF ${pci} is held by ${holder}` };
}

/** The VF that runtimeConfig.CNIDeviceInfoFile names; null if there is no such file. Throws CniError. */
export function findByDeviceInfo(search: Search): FoundVf | null {
  const deviceInfoFile = deviceInfoFileOf(search);
  if (deviceInfoFile === undefined) return null;
  const source = `device info ${deviceInfoFile}`;
  const info = readDeviceInfo(search.platform, deviceInfoFile);
  switch (info.kind) {
    case 'pci':
      return take(search, info.pci, source);
    case 'absent':
      search.trace.add(source, [], 'there is no such file');
      return null;
    case 'other':
      search.trace.add(source, [], `of type ${info.type}`);
      throw search.trace.failure('noVfForPod', `the ${source} is of type ${info.type}: that is no VF`);
    case 'broken':
      search.trace.add(source, [], `broken: ${info.reason}`);
      throw search.trace.failure('decode', `the ${source} is broken: ${info.reason}`);
  }
}
