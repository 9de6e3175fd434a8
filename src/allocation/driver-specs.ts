import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { BrokenSpec, CdiDevice, CdiSpecs, FoundSpecs } from './cdi-spec.ts';
import { isUid, parseDeviceName } from './device-hint.ts';
import type { Trace } from './trace.ts';

/** VFs that a source says a pod has. */
export interface PodVfs {
  /** The source, for people: `per-pod CDI spec /var/run/cdi/….yaml`. */
  readonly source: string;
  /** Each once, sorted as strings, because the order in the file is a Go map's. */
  readonly addresses: readonly PciAddress[];
}

const podVariable = 'SRIOVNETWORK_PCI_ADDRESSES';
const maxAddresses = 4096;

/** Each once, in string order, as Multus sorts them. */
export function sortAddresses(addresses: Iterable<PciAddress>): readonly PciAddress[] {
  return [...new Set(addresses)].sort();
}

/** The addresses that a per-pod device lists; null if it is another kind of device. Throws CniError decode. */
export function listedAddresses(device: CdiDevice, trace: Trace): readonly PciAddress[] | null {
  const list = device.env.get(podVariable);
  return list === undefined ? null : readAddresses(device, list, trace);
}

function readAddresses(device: CdiDevice, list: string, trace: Trace): readonly PciAddress[] {
  const texts = list.split(',').map((text) => text.trim());
  const given = texts.filter((text) => text !== '');
  if (given.length > maxAddresses) {
    throw trace.failure(
      'decode',
      `${device.file}: ${podVariable} lists ${given.length} VFs; at most ${maxAddresses} are read`,
    );
  }
  return sortAddresses(
    given.map((text) => {
      const pci = parsePciAddress(text);
      if (pci !== null) return pci;
      throw trace.failure('decode', `${device.file}: ${quote(text)} in ${podVariable} is no PCI address`);
    }),
  );
}

function agree(found: FoundSpecs, podUid: string, trace: Trace): PodVfs | null {
  const [broken] = found.broken;
  if (broken !== undefined) throw trace.failure('decode', `the CDI spec ${broken.file} is broken: ${broken.reason}`);
  const statements = found.devices
    .filter((device) => device.name === podUid)
    .flatMap((device) => {
      const addresses = listedAddresses(device, trace);
      return addresses === null ? [] : [{ file: device.file, addresses }];
    });
  const [first, ...others] = statements;
  if (first === undefined) return null;
  const odd = others.find((other) => other.addresses.join() !== first.addresses.join());
  if (odd === undefined) return { source: `per-pod CDI spec ${first.file}`, addresses: first.addresses };
  trace.add(`per-pod CDI spec ${first.file}`, first.addresses, 'contradicted by the next');
  trace.add(`per-pod CDI spec ${odd.file}`, odd.addresses, 'contradicts the one before');
  throw trace.failure(
    'contradictorySources',
    `the CDI specs ${first.file} and ${odd.file} list different VFs for pod ${podUid}: remove the stale one`,
  );
}

/**
 * The pods that have a per-pod CDI spec on this node. Throws CniError decode if one lists what is no PCI address.
 */
export function listPodSpecs(specs: CdiSpecs, trace: Trace): readonly (PodVfs & { readonly podUid: string })[] {
  return specs.mentioning([podVariable]).devices.flatMap((device) => {
    const addresses = listedAddresses(device, trace);
    return addresses === null ? [] : [{ podUid: device.name, source: device.file, addresses }];
  });
}

/**
 * The VFs that the driver's per-pod CDI spec lists (SRIOVNETWORK_PCI_ADDRESSES of the device named after the pod); null
 * if there is none. Opens the file by its name, and with `search` looks through all specs if that finds nothing. Throws
 * CniError decode naming a broken file, contradictorySources if two specs disagree.
 */
export function readPodSpec(
  specs: CdiSpecs,
  podUid: string,
  trace: Trace,
  options: { readonly search: boolean },
): PodVfs | null {
  const named = agree(specs.namedAfter(podUid), podUid, trace);
  if (named !== null || !options.search) return named;
  return agree(specs.mentioning([podUid]), podUid, trace);
}

/** What a source says about one VF of a claim. */
export interface ClaimVf {
  readonly pci: PciAddress;
  /** Null if the source doesn't tell. */
  readonly claimUid: string | null;
  /** NetworkAttachmentDefinition that the claim's VfConfig names, without its namespace; null if it names none. */
  readonly networkName: string | null;
  /** The file, for people. */
  readonly file: string;
}

/**
 * The spec's claim is gone: the checkpoint has the VF for others. When a pod with several claims ends, dra-driver-sriov
 * removes the spec of one alone (its podmanager forgets the others with it).
 */
export function isLeftOver({ pci, claimUid }: ClaimVf, prepared: readonly ClaimVf[]): boolean {
  const known = prepared.filter((vf) => vf.pci === pci);
  return claimUid !== null && known.length > 0 && known.every((vf) => vf.claimUid !== claimUid);
}

export interface FoundClaims {
  readonly vfs: readonly ClaimVf[];
  readonly broken: readonly BrokenSpec[];
}

const addressVariable = /^(SRIOVNETWORK_)?VF_DEVICE_/;
const networkVariable = 'SRIOVNETWORK_NET_ATTACH_DEF_NAME';

/** `name` of `name` or `namespace/name`; null for an empty or absent text. */
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
 * What the per-claim CDI specs of this node say about these VFs. Broken files are returned, not thrown, because the
 * caller knows whether they matter. Throws CniError decode, contradictorySources for a spec that is wrong about these
 * VFs.
 */
export function readClaimsOf(specs: CdiSpecs, addresses: readonly PciAddress[], trace: Trace): FoundClaims {
  // Device names have dashes. A device hides one of the same name in a less important directory.
  const needles = addresses.flatMap((pci) => [pci, pci.replace(/[:.]/g, '-')]);
  const { devices, broken } = specs.mentioning(needles);
  const wanted = new Set<string>(addresses);
  const mentions = (device: CdiDevice): boolean =>
    wanted.has(parseDeviceName(device.name)?.pci ?? '') ||
    [...device.env.values()].some((value) => wanted.has(value.toLowerCase()));
  const vfs = devices.filter(mentions).flatMap((device) => readClaimVf(device, trace) ?? []);
  return { vfs: vfs.filter((vf) => wanted.has(vf.pci)), broken };
}

/** What all per-claim CDI specs of this node say. Throws CniError decode, contradictorySources. */
export function listClaims(specs: CdiSpecs, trace: Trace): readonly ClaimVf[] {
  return specs.mentioning(['VF_DEVICE_']).devices.flatMap((device) => readClaimVf(device, trace) ?? []);
}

/**
 * The VF of a CDI device `<claimUID>-<device>`; null if no spec has it. Opens the claim's file by its name, and looks
 * through all specs if that finds nothing. Throws CniError decode, contradictorySources.
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
