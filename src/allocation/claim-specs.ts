import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { BrokenSpec, CdiDevice, CdiSpecs } from './cdi-spec.ts';
import { isUid, parseDeviceName } from './device-name.ts';
import type { Trace } from './trace.ts';

/** What a source says about one VF of a claim. */
export interface ClaimVf {
  readonly pci: PciAddress;
  /** Null where the source doesn't tell. */
  readonly claimUid: string | null;
  /** NAD that the claim's VfConfig names, without its namespace; null where it names none. */
  readonly networkName: string | null;
  /** The file, for people. */
  readonly file: string;
}

export interface FoundClaims {
  readonly vfs: readonly ClaimVf[];
  readonly broken: readonly BrokenSpec[];
}

const addressVariable = /^(SRIOVNETWORK_)?VF_DEVICE_/;
const networkVariable = 'SRIOVNETWORK_NET_ATTACH_DEF_NAME';

/** `name` of `name` or `namespace/name`; null for none. */
export function nadName(text: string | undefined): string | null {
  const name = text?.slice(text.lastIndexOf('/') + 1).trim() ?? '';
  return name === '' ? null : name;
}

function readClaimVf(device: CdiDevice, trace: Trace): ClaimVf | null {
  const [variable] = [...device.env].filter(([name]) => addressVariable.test(name));
  if (variable === undefined) return null;
  const pci = parsePciAddress(variable[1]);
  if (pci === null) {
    throw trace.failure('decode', `${device.file}: ${quote(variable[1])} in ${variable[0]} is no PCI address`);
  }
  const name = parseDeviceName(device.name);
  if (name !== null && name.pci !== null && name.pci !== pci) {
    throw trace.failure(
      'contradictorySources',
      `${device.file}: device ${quote(device.name)} has ${variable[0]}=${pci}`,
    );
  }
  const networkName = nadName(device.env.get(networkVariable));
  return { pci, claimUid: name?.claimUid ?? null, networkName, file: device.file };
}

/**
 * What the per-claim CDI specs of this node say about these VFs. Broken files are returned, not thrown: whether they
 * matter depends on what else is known. Throws CniError decode, contradictorySources for a spec that is wrong about them.
 */
export function readClaimsOf(specs: CdiSpecs, addresses: readonly PciAddress[], trace: Trace): FoundClaims {
  // Dashes too: a device's name hides one of the same name in a less important directory.
  const needles = addresses.flatMap((pci) => [pci, pci.replace(/[:.]/g, '-')]);
  const { devices, broken } = specs.mentioning(needles);
  const wanted = new Set<string>(addresses);
  const mentions = (device: CdiDevice): boolean =>
    wanted.has(parseDeviceName(device.name)?.pci ?? '') ||
    [...device.env.values()].some((value) => wanted.has(value.toLowerCase()));
  const vfs = devices.filter(mentions).flatMap((device) => readClaimVf(device, trace) ?? []);
  return { vfs: vfs.filter((vf) => wanted.has(vf.pci)), broken };
}

/**
 * The VF of a CDI device `<claimUID>-<device>`; null where no spec has it. The claim's file is opened by its name; all
 * specs are looked through only when that finds nothing. Throws CniError decode, contradictorySources.
 */
export function readClaimDevice(specs: CdiSpecs, name: string, trace: Trace): ClaimVf | null {
  const claimUid = parseDeviceName(name)?.claimUid ?? '';
  const direct = isUid(claimUid) ? pickDevice(specs.namedAfter(claimUid), name, trace) : null;
  return direct ?? pickDevice(specs.mentioning([name]), name, trace);
}

function pickDevice(
  found: { readonly devices: readonly CdiDevice[]; readonly broken: readonly BrokenSpec[] },
  name: string,
  trace: Trace,
): ClaimVf | null {
  const vfs = found.devices
    .filter((device) => device.name === name)
    .flatMap((device) => readClaimVf(device, trace) ?? []);
  const [first, ...others] = vfs;
  const odd = others.find((other) => other.pci !== first?.pci);
  if (first !== undefined && odd !== undefined) {
    throw trace.failure(
      'contradictorySources',
      `CDI device ${quote(name)} is ${first.pci} in ${first.file} and ${odd.pci} in ${odd.file}: remove the stale one`,
    );
  }
  const [broken] = found.broken;
  if (first === undefined && broken !== undefined) {
    throw trace.failure('decode', `the CDI spec ${broken.file} is broken: ${broken.reason}`);
  }
  return first ?? null;
}
