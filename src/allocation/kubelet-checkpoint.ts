import { explain } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { isJsonObject, type Json } from '../lib/json.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Platform } from '../platform/platform.ts';
import type { Trace } from './trace.ts';

/** A container that the kubelet's device manager has given a device to. */
export interface DeviceUser {
  readonly podUid: string;
  readonly resourceName: string;
  readonly file: string;
}

/** Some KiB a container. */
const maxFileBytes = 16 * 1024 * 1024;

/**
 * Which containers have a device plugin's device of this PCI address by the kubelet's books,
 * `<kubeletDir>/device-plugins/kubelet_internal_checkpoint` (pkg/kubelet/cm/devicemanager/checkpoint): in DeviceIDs, a list for each NUMA
 * node, or one before Kubernetes 1.20. Entries of another shape are passed over. Throws CniError decode where it is no JSON.
 */
export function readDeviceUsers(platform: Platform, pci: PciAddress, trace: Trace): readonly DeviceUser[] {
  const file = `${platform.paths.kubeletDir}/device-plugins/kubelet_internal_checkpoint`;
  try {
    const text = platform.readFile(file, { maxBytes: maxFileBytes, followLinks: false })?.toString('utf8');
    if (text === undefined || !text.toLowerCase().includes(pci)) return [];
    return entriesOf(parseJson(text, 'it')).flatMap((entry) => {
      const { PodUID: podUid, ResourceName: resourceName, DeviceIDs: ids } = entry;
      if (typeof podUid !== 'string' || typeof resourceName !== 'string') return [];
      return textsOf(ids).some((id) => id.toLowerCase() === pci) ? [{ podUid, resourceName, file }] : [];
    });
  } catch (thrown) {
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
