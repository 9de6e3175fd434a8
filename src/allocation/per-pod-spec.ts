import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import type { CdiDevice, CdiSpecs, FoundSpecs } from './cdi-spec.ts';
import type { Trace } from './trace.ts';

/** VFs that a source says a pod has. */
export interface PodVfs {
  /** The source, for people: `per-pod CDI spec /var/run/cdi/….yaml`. */
  readonly source: string;
  /** Each once, sorted as strings: the order in the file is a Go map's. */
  readonly addresses: readonly PciAddress[];
}

const variable = 'SRIOVNETWORK_PCI_ADDRESSES';
const maxAddresses = 4096;

/** Each once, in string order, as Multus sorts them. */
export function sortAddresses(addresses: Iterable<PciAddress>): readonly PciAddress[] {
  return [...new Set(addresses)].sort();
}

/** What a per-pod device lists; null where it is none. Throws CniError decode. */
export function listedAddresses(device: CdiDevice, trace: Trace): readonly PciAddress[] | null {
  const list = device.env.get(variable);
  return list === undefined ? null : readAddresses(device, list, trace);
}

function readAddresses(device: CdiDevice, list: string, trace: Trace): readonly PciAddress[] {
  const texts = list.split(',').map((text) => text.trim());
  const given = texts.filter((text) => text !== '');
  if (given.length > maxAddresses) {
    throw trace.failure(
      'decode',
      `${device.file}: ${variable} lists ${given.length} VFs; at most ${maxAddresses} are read`,
    );
  }
  return sortAddresses(
    given.map((text) => {
      const pci = parsePciAddress(text);
      if (pci !== null) return pci;
      throw trace.failure('decode', `${device.file}: ${quote(text)} in ${variable} is no PCI address`);
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

/** The pods that have a per-pod CDI spec on this node. Throws CniError decode where one lists what is no PCI address. */
export function listPodSpecs(specs: CdiSpecs, trace: Trace): readonly (PodVfs & { readonly podUid: string })[] {
  return specs.mentioning([variable]).devices.flatMap((device) => {
    const addresses = listedAddresses(device, trace);
    return addresses === null ? [] : [{ podUid: device.name, source: device.file, addresses }];
  });
}

/**
 * The VFs that the driver's per-pod CDI spec lists (SRIOVNETWORK_PCI_ADDRESSES of the device named after the pod); null
 * where there is none. The file is opened by its name; with `search` all specs are looked through when that finds
 * nothing. Throws CniError decode naming a broken file, contradictorySources where two specs disagree.
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
