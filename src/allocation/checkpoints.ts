import { explain, isBug } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { isJsonObject, type Json } from '../lib/json.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { type ClaimVf, nadName } from './driver-specs.ts';
import type { Trace } from './trace.ts';

/** What a DRA driver's checkpoint says about one VF of a pod. */
export interface CheckpointVf extends ClaimVf {
  readonly resourceName: string | null;
  /**
   * CDI devices that the container runtime gives to containers, `<vendor>/<class>=<name>`. A CDI spec must have each.
   */
  readonly cdiDevices: readonly string[];
}

/** A checkpoint takes about 3 KiB a VF, so this is more than any node has. */
const maxDriverBytes = 4 * 1024 * 1024;

/** Nobody promises that Go field names stay, so `PciAddress`, `pciAddress` and `pci_address` count as one. */
const fold = (key: string): string => key.toLowerCase().replace(/[_-]/g, '');

function field(object: unknown, name: string): unknown {
  if (!isJsonObject(object)) return undefined;
  const key = Object.keys(object).find((candidate) => fold(candidate) === fold(name));
  return key === undefined ? undefined : object[key];
}

function textField(object: unknown, name: string): string | undefined {
  const value = field(object, name);
  return typeof value === 'string' && value !== '' ? value : undefined;
}

function textsField(object: unknown, name: string): readonly string[] {
  const value = field(object, name);
  return Array.isArray(value) ? value.filter((text) => typeof text === 'string') : [];
}

function networkOf(device: unknown): string | null {
  const configured = nadName(textField(field(device, 'Config'), 'netAttachDefName'));
  if (configured !== null) return configured;
  const env = field(field(device, 'ContainerEdits'), 'env');
  const marker = 'SRIOVNETWORK_NET_ATTACH_DEF_NAME=';
  const entry = Array.isArray(env)
    ? env.find((text) => typeof text === 'string' && text.startsWith(marker))
    : undefined;
  return typeof entry === 'string' ? nadName(entry.slice(marker.length)) : null;
}

function readVf(device: unknown, claimUid: string, file: string): CheckpointVf | null {
  const address = textField(device, 'PciAddress') ?? textField(field(device, 'Device'), 'PciAddress');
  const pci: PciAddress | null = parsePciAddress(address ?? '');
  if (pci === null) return null;
  const resourceName = textField(device, 'MultusResourceName') ?? null;
  const cdiDevices = textsField(field(device, 'Device'), 'cdiDeviceIds');
  return { pci, claimUid, networkName: networkOf(device), resourceName, cdiDevices, file };
}

/** `preparedClaimsByPodUID`, pod -> claim -> devices: at the top or inside `v1`, by the driver's version. */
function podsOf(checkpoint: unknown): readonly Json[] {
  if (!isJsonObject(checkpoint)) return [];
  const byPod = [checkpoint, ...Object.values(checkpoint)].map((level) => field(level, 'preparedClaimsByPodUID'));
  return byPod.filter(isJsonObject);
}

function readClaims(claims: unknown, file: string): readonly CheckpointVf[] {
  return Object.entries(isJsonObject(claims) ? claims : {}).flatMap(([claimUid, devices]) =>
    (Array.isArray(devices) ? devices : []).flatMap((device: unknown) => readVf(device, claimUid, file) ?? []),
  );
}

function readPod(checkpoint: unknown, podUid: string, file: string): readonly CheckpointVf[] {
  const claims = podsOf(checkpoint).map((byPod) => (Object.hasOwn(byPod, podUid) ? byPod[podUid] : undefined));
  return readClaims(claims.find(isJsonObject), file);
}

const isOurDriver = (name: string): boolean => name.includes('sriov');

/** Reads each driver's checkpoint in whose text `needle` occurs, and ours in any case. Throws CniError decode, io. */
function readEach<T>(
  platform: Platform,
  needle: string,
  trace: Trace,
  read: (checkpoint: unknown, file: string) => readonly T[],
): readonly T[] {
  const directory = `${platform.paths.kubeletDir}/plugins`;
  return listDrivers(platform, directory, trace).flatMap((driver) => {
    const file = `${directory}/${driver}/checkpoint.json`;
    try {
      const text = platform.readFile(file, { maxBytes: maxDriverBytes, followLinks: false })?.toString('utf8');
      // Checkpoints of other drivers may be big, and matter only if they name what is looked for.
      if (text === undefined || (!text.includes(needle) && !isOurDriver(driver))) return [];
      return read(parseJson(text, 'it'), file);
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      if (!isOurDriver(driver)) return [];
      throw trace.failure('decode', `the driver checkpoint ${file} is broken: ${explain(thrown)}`);
    }
  });
}

/**
 * What the DRA drivers' checkpoints (`<kubeletDir>/plugins/<driver>/checkpoint.json`) say about a pod's VFs; empty if
 * they don't know the pod. A checkpoint survives a reboot, unlike the CDI specs of claims. Broken checkpoints of other
 * drivers are skipped. Throws CniError decode naming a broken one of ours, io if the directory can't be listed.
 */
export function readCheckpoints(platform: Platform, podUid: string, trace: Trace): readonly CheckpointVf[] {
  return readEach(platform, podUid, trace, (checkpoint, file) => readPod(checkpoint, podUid, file));
}

/** A pod for which a driver has prepared VFs. */
export interface CheckpointPod {
  readonly podUid: string;
  readonly vfs: readonly CheckpointVf[];
}

/**
 * The pods for which the SR-IOV DRA driver has prepared VFs, by its checkpoints. Checkpoints of other drivers are read
 * only if `needle` occurs in their text. Throws as readCheckpoints does.
 */
export function listCheckpointPods(platform: Platform, trace: Trace, needle = 'PciAddress'): readonly CheckpointPod[] {
  return readEach(platform, needle, trace, (checkpoint, file) =>
    podsOf(checkpoint).flatMap((byPod) =>
      Object.entries(byPod).map(([podUid, claims]) => ({ podUid, vfs: readClaims(claims, file) })),
    ),
  ).filter(({ vfs }) => vfs.length > 0);
}

function listDrivers(platform: Platform, directory: string, trace: Trace): readonly string[] {
  try {
    return platform.readDir(directory) ?? [];
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw trace.failure('io', `${directory} can't be listed: ${explain(cause)}`);
  }
}

/** A container that the kubelet's device manager has given a device to. */
export interface DeviceUser {
  readonly podUid: string;
  readonly resourceName: string;
  readonly file: string;
}

/** A checkpoint of the kubelet takes some KiB a container. */
const maxKubeletBytes = 16 * 1024 * 1024;

/**
 * The containers to which the kubelet has given a device plugin's device of this PCI address, by
 * `<kubeletDir>/device-plugins/kubelet_internal_checkpoint` (pkg/kubelet/cm/devicemanager/checkpoint). DeviceIDs there
 * is a list for each NUMA node, or a single one before Kubernetes 1.20. Entries of another shape are passed over.
 * Throws CniError decode if the file is no JSON.
 */
export function readDeviceUsers(platform: Platform, pci: PciAddress, trace: Trace): readonly DeviceUser[] {
  const file = `${platform.paths.kubeletDir}/device-plugins/kubelet_internal_checkpoint`;
  try {
    const text = platform.readFile(file, { maxBytes: maxKubeletBytes, followLinks: false })?.toString('utf8');
    if (text === undefined || !text.toLowerCase().includes(pci)) return [];
    return entriesOf(parseJson(text, 'it')).flatMap((entry) => {
      const { PodUID: podUid, ResourceName: resourceName, DeviceIDs: ids } = entry;
      if (typeof podUid !== 'string' || typeof resourceName !== 'string') return [];
      return textsOf(ids).some((id) => id.toLowerCase() === pci) ? [{ podUid, resourceName, file }] : [];
    });
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    throw trace.failure('decode', `the kubelet's device checkpoint ${file} is broken: ${explain(thrown)}`);
  }
}

function entriesOf(checkpoint: unknown): readonly Json[] {
  const data = isJsonObject(checkpoint) ? checkpoint['Data'] : undefined;
  const entries = isJsonObject(data) ? data['PodDeviceEntries'] : undefined;
  return Array.isArray(entries) ? entries.filter(isJsonObject) : [];
}

function textsOf(ids: unknown): readonly string[] {
  const lists: readonly unknown[] = isJsonObject(ids) ? Object.values(ids) : [ids];
  return lists.flat().filter((id) => typeof id === 'string');
}
