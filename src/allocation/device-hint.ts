import type { DeviceHint } from '../config/sriov-conf.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isOurKind } from './cdi-spec.ts';

/** A CDI device name of ours, `<claimUID>-<device>`, or the device's name alone. */
export interface DeviceName {
  readonly claimUid: string | null;
  /** The address in a device name such as `0000-3b-02-1`; null if the driver names devices otherwise. */
  readonly pci: PciAddress | null;
}

const withAddress = /^(?:(.+)-)?([0-9a-f]{4,8})-([0-9a-f]{2})-([01][0-9a-f])-([0-7])$/i;
const withUuid = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})-.+$/i;

/** Takes a CDI device name apart; null if it isn't such a name. */
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

/** What a device hint means. */
export type HintMeaning =
  | { readonly shape: 'address'; readonly pci: PciAddress }
  /** A per-pod CDI device, which stands for any VF of that pod. */
  | { readonly shape: 'pod'; readonly podUid: string }
  /** A per-claim CDI device, which is one VF. */
  | { readonly shape: 'device'; readonly name: string }
  | { readonly shape: 'foreign'; readonly why: string };

const qualified = /^([^/=]+\/[^/=]+)=(.+)$/;

function readCdiName(name: string, podUid: string | null): HintMeaning | null {
  if (name === podUid || isUuid(name)) return { shape: 'pod', podUid: name };
  return parseDeviceName(name) === null ? null : { shape: 'device', name };
}

/**
 * Reads what Multus puts into `deviceID`: a PCI address, `<claimUID>-<device>`, `<podUID>`, or one of these with
 * `<vendor>/<class>=` in front (see docs/vf-selection.md for which Multus does which).
 */
export function readHint(hint: DeviceHint, podUid: string | null): HintMeaning {
  const pci = parsePciAddress(hint.value);
  if (pci !== null) return { shape: 'address', pci };
  const [, kind, name] = qualified.exec(hint.value) ?? [];
  if (kind === undefined || name === undefined) {
    return readCdiName(hint.value, podUid) ?? { shape: 'foreign', why: 'neither a PCI address nor a CDI device' };
  }
  if (!isOurKind(kind)) return { shape: 'foreign', why: `a CDI device of kind ${kind}, not of the SR-IOV DRA driver` };
  return readCdiName(name, podUid) ?? { shape: 'device', name };
}
