import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';

/** A CDI device name of ours, `<claimUID>-<device>`, or the device's name alone. */
export interface DeviceName {
  readonly claimUid: string | null;
  /** From a device name such as `0000-3b-02-1`; null where the driver names devices otherwise. */
  readonly pci: PciAddress | null;
}

const withAddress = /^(?:(.+)-)?([0-9a-f]{4,8})-([0-9a-f]{2})-([01][0-9a-f])-([0-7])$/i;
const withUuid = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-.+$/i;

/** Takes a CDI device name apart; null where it is none of the kind. */
export function parseDeviceName(name: string): DeviceName | null {
  const [, uid, domain, bus, slot, fn] = withAddress.exec(name) ?? [];
  if (fn !== undefined) return { claimUid: uid ?? null, pci: parsePciAddress(`${domain}:${bus}:${slot}.${fn}`) };
  const claimUid = withUuid.exec(name)?.[1];
  return claimUid === undefined ? null : { claimUid, pci: null };
}

/** A UID as Kubernetes gives them (and tests make them up), safe as a part of a file name. */
export function isUid(text: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$/.test(text) && !text.includes('..');
}

/** A UUID, as the API server makes for pods and claims. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text);
}
