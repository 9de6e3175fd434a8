import type { DeviceHint } from '../config/sriov-conf.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isOurKind } from './cdi-kinds.ts';
import { isUuid, parseDeviceName } from './device-name.ts';

/** What a device hint turned out to be. */
export type HintMeaning =
  | { readonly shape: 'address'; readonly pci: PciAddress }
  /** A per-pod CDI device: any VF of that pod. */
  | { readonly shape: 'pod'; readonly podUid: string }
  /** A per-claim CDI device: one VF. */
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
