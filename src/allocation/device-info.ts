import { isCniError } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { isJsonObject } from '../lib/json.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { show } from '../lib/quote.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';

/** What a device-info file says (NPWG Device Information Specification 1.0 and 1.1). */
export type DeviceInfo =
  | { readonly kind: 'absent' }
  | { readonly kind: 'pci'; readonly pci: PciAddress }
  | { readonly kind: 'other'; readonly type: string }
  /** `reason` quotes nothing of the file, because its path may come from a network config. */
  | { readonly kind: 'broken'; readonly reason: string };

const maxFileBytes = 1024 * 1024;
const maxFilesRead = 4096;

function parseQuietly(text: string): unknown {
  try {
    return parseJson(text, 'it');
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return undefined;
  }
}

function interpret(info: unknown): DeviceInfo {
  if (!isJsonObject(info)) return { kind: 'broken', reason: 'it is no JSON object' };
  const { type } = info;
  if (typeof type !== 'string') return { kind: 'broken', reason: 'it has no type' };
  if (type !== 'pci') return { kind: 'other', type: show(type, 40) };
  // The specification has `pci-address` inside `pci` since version 1.0.0; drafts have it at the top.
  const at = isJsonObject(info['pci']) ? info['pci'] : info;
  const address = at['pci-address'];
  const pci = typeof address === 'string' ? parsePciAddress(address) : null;
  return pci === null ? { kind: 'broken', reason: 'its pci-address is no PCI address' } : { kind: 'pci', pci };
}

/**
 * Reads a device-info file. A link counts as broken, because Multus and the drivers write plain files. A file that
 * can't be read is no exception but part of the answer.
 */
export function readDeviceInfo(platform: Platform, file: string): DeviceInfo {
  try {
    const bytes = platform.readFile(file, { maxBytes: maxFileBytes, followLinks: false });
    return bytes === null ? { kind: 'absent' } : interpret(parseQuietly(bytes.toString('utf8')));
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return { kind: 'broken', reason: thrown.code };
  }
}

const suffix = '-device.json';

/** `<resourceName>-<deviceID>-device.json` with `-` for `/` (SaveDeviceInfoForDP of the NAD client). */
const resourceFile = (directory: string, resource: string, device: string): string =>
  `${directory}/${resource}-${device}${suffix}`;

/** Looks into files whose device ID is no PCI address, because only their content tells the VF. */
function holdsUnderOtherId(platform: Platform, directory: string, resource: string, pci: PciAddress): boolean {
  const names = (platform.readDir(directory) ?? []).filter((name) => {
    if (!name.startsWith(`${resource}-`) || !name.endsWith(suffix)) return false;
    const device = name.slice(resource.length + 1, -suffix.length);
    // A PCI address at the end is that of another VF, or of a resource whose longer name begins like this one.
    return parsePciAddress(device.slice(device.lastIndexOf('-') + 1)) === null;
  });
  return names.slice(0, maxFilesRead).some((name) => {
    const info = readDeviceInfo(platform, `${directory}/${name}`);
    return info.kind === 'pci' && info.pci === pci;
  });
}

/** The PCI devices that device plugins' device-info files name. Only files whose names end with `ending` are read. */
export function listPublished(platform: Platform, ending = ''): readonly PciAddress[] {
  const directory = `${platform.paths.devinfoDir}/dp`;
  const names = (platform.readDir(directory) ?? []).filter((name) => name.endsWith(`${ending}${suffix}`));
  return names.slice(0, maxFilesRead).flatMap((name) => {
    const info = readDeviceInfo(platform, `${directory}/${name}`);
    return info.kind === 'pci' ? [info.pci] : [];
  });
}

/** True if a device plugin's device-info names a PCI device, which is therefore meant for pods. */
export function isPublished(platform: Platform, pci: PciAddress): boolean {
  return listPublished(platform, `-${pci}`).includes(pci);
}

/** True if a device plugin's or the DRA driver's device-info says that the VF belongs to the resource. */
export function isOfResource(platform: Platform, resourceName: string, pci: PciAddress): boolean {
  const directory = `${platform.paths.devinfoDir}/dp`;
  const resource = resourceName.replaceAll('/', '-');
  const info = readDeviceInfo(platform, resourceFile(directory, resource, pci));
  if (info.kind === 'pci' && info.pci === pci) return true;
  return holdsUnderOtherId(platform, directory, resource, pci);
}
