import { isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError, isCniError } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { isNetdevFile } from '../kernel/netdev-files.ts';
import {
  arrayOf,
  describeProblems,
  fits,
  integer,
  lazily,
  mapOf,
  nullable,
  object,
  oneOf,
  optional,
  problemsIn,
  text,
  textThat,
} from '../lib/json-schema.ts';
import { isAssignableMac, type MacAddress, parseMacAddress } from '../lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { reportedMac } from '../settings/mac.ts';
import { pfFields } from '../settings/settings.ts';
import type { VfIdentity } from '../vf/vf.ts';
import { type AttachmentKey, type AttachmentRecord, recordVersion } from './attachment-record.ts';

const anyText = text();
const count = integer(0);
const onlyTrue = oneOf(true);

/** Each part is checked, because it becomes a name in the file system. */
const key = object({
  network: textThat(isIdentifier, 'the name of a network'),
  containerId: textThat(isIdentifier, 'a container ID'),
  ifname: textThat(isInterfaceName, 'the name of an interface'),
});

function createNetdevSettings() {
  const hexByName = mapOf(anyText, text('bytes in hex', /^([0-9a-f]{2})*$/));
  // Root writes to these paths.
  const files = mapOf(textThat(isNetdevFile, 'a setting of a netdev'), anyText);
  return object({ flags: count, attributes: hexByName, ethtool: hexByName, files });
}

/** Checks what DEL needs or trusts. A field that a newer build has added is kept. */
function createSchema() {
  const pci = textThat<PciAddress>((text) => parsePciAddress(text) === text, 'a PCI address');
  const assignableMac = textThat<MacAddress>(
    (text) => parseMacAddress(text) === text && isAssignableMac(text as MacAddress),
    'a MAC address for a netdev',
  );
  const netdev = object({
    name: anyText,
    ifindex: count,
    mac: reportedMac,
    mtu: count,
    up: oneOf(true, false),
    altnames: nullable(arrayOf(anyText)),
    identifiedBy: optional(oneOf('parent', 'bus-info', 'ifindex')),
    settings: optional(createNetdevSettings()),
  });
  const route = object({
    dst: anyText,
    gw: optional(anyText),
    mtu: optional(count),
    advmss: optional(count),
    priority: optional(count),
    table: optional(count),
    scope: optional(count),
  });
  const ipam = object({
    // Root runs this program.
    type: textThat((text) => !text.includes('/'), 'the file name of a plugin'),
    stdin: anyText,
    args: anyText,
    pluginDirs: arrayOf(anyText),
    gaveNothing: optional(onlyTrue),
  });
  return object({
    version: integer(1, recordVersion),
    phase: oneOf('pending', 'attached'),
    vfGivenUp: optional(onlyTrue),
    key,
    pod: nullable(object({ namespace: optional(anyText), name: optional(anyText), uid: optional(anyText) })),
    identity: object({
      pci,
      pfPci: nullable(pci),
      pfName: nullable(anyText),
      pfDriver: nullable(anyText),
      vfIndex: nullable(count),
      driver: anyText,
      kind: oneOf('netdev', 'userspace'),
    }),
    resolvedFrom: anyText,
    snapshot: object({
      admin: nullable(object(pfFields())),
      netdev: nullable(netdev),
      macIsFree: optional(onlyTrue),
      rdmaDevices: optional(arrayOf(anyText)),
    }),
    mac: nullable(assignableMac),
    netns: object({ path: anyText, device: anyText, inode: anyText, cookie: optional(anyText) }),
    bootId: anyText,
    seenFrom: optional(anyText),
    podIfindex: nullable(count),
    addresses: arrayOf(anyText),
    routes: arrayOf(route),
    ipam: nullable(ipam),
    failedRelease: optional(object({ tries: count, firstMs: count, bootId: anyText })),
    config: anyText,
    cniArgs: anyText,
    createdAt: anyText,
    begunMs: optional(count),
  });
}

/** Made when it is needed, because an ADD seldom reads a record. */
const recordSchema = lazily(createSchema);

function knowsPfOrNone({ pfPci, pfName, pfDriver, vfIndex }: Readonly<Record<keyof VfIdentity, unknown>>): boolean {
  const known = [pfPci, pfName, pfDriver, vfIndex].filter((part) => part !== null).length;
  return known === 0 || known === 4;
}

/** All that can be told of a record that this build can't read. */
const newerRecord = object({ version: integer(recordVersion + 1) });

/** The last record that was read: a DEL finds the same text under each lock that it takes, and in the VF's copy. */
let lastRead: { readonly text: string; readonly record: AttachmentRecord } | null = null;

/**
 * Reads a record; throws CniError recordVersion for one of a newer build, else an Error that says what is wrong with
 * it.
 */
export function parseRecord(text: string): AttachmentRecord {
  if (lastRead?.text !== text) lastRead = { text, record: decode(text) };
  return lastRead.record;
}

function decode(text: string): AttachmentRecord {
  const value = parseJson(text, 'the record');
  if (fits(newerRecord, value)) {
    const { network, containerId, ifname } = parseKey(text) ?? {};
    const name = ifname === undefined ? '' : ` ${network}/${containerId}/${ifname}`;
    throw new CniError(
      'recordVersion',
      `the attachment record${name} is of version ${value.version}, and this build reads up to ${recordVersion}: a newer one wrote it`,
    );
  }
  const schema = recordSchema();
  if (!fits(schema, value)) throw new Error(describeProblems(problemsIn(schema, value)));
  const identity = value.identity as VfIdentity;
  if (!knowsPfOrNone(identity)) throw new Error('identity: half of a PF is not allowed; allowed: all of it, or none');
  return { ...value, identity };
}

/** The key in a record of whatever version; null if there is none. Throws nothing. */
export function parseKey(text: string): AttachmentKey | null {
  if (lastRead?.text === text) return lastRead.record.key;
  try {
    const value = parseJson(text, 'the record');
    return fits(object({ key }), value) ? value.key : null;
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return null;
  }
}
