import * as v from 'valibot';
import { isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import { isNetdevFile } from '../kernel/netdev-files.ts';
import { isAssignableMac, type MacAddress, parseMacAddress } from '../lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import type { VfIdentity } from '../vf/vf.ts';
import type { AttachmentKey, AttachmentRecord } from './attachment-record.ts';
import { recordVersion } from './attachment-record.ts';

const pci = v.pipe(
  v.string(),
  v.check((text) => parsePciAddress(text) === text, 'no PCI address'),
  v.transform((text) => text as PciAddress),
);

/** As the kernel told it: a record must be readable whatever a driver makes of its addresses. */
const anyMac = v.pipe(
  v.string(),
  v.check((text) => parseMacAddress(text) === text, 'no MAC address'),
  v.transform((text) => text as MacAddress),
);

const assignableMac = v.pipe(anyMac, v.check(isAssignableMac, 'no MAC address for a netdev'));

const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const onOff = v.nullable(v.picklist(['on', 'off']));

const hexByName = v.record(v.string(), v.pipe(v.string(), v.regex(/^([0-9a-f]{2})*$/, 'no bytes')));

/** Root writes to it. */
const settingPath = v.pipe(v.string(), v.check(isNetdevFile, 'no setting of a netdev'));

// Fields that a newer build has added are kept: looseObject.
const snapshot = v.looseObject({
  admin: v.nullable(
    v.looseObject({
      mac: anyMac,
      vlan: count,
      vlanQos: count,
      vlanProtocol: v.picklist(['802.1q', '802.1ad']),
      spoofchk: onOff,
      trust: onOff,
      linkState: v.nullable(v.picklist(['auto', 'enable', 'disable'])),
      minTxRateMbps: count,
      maxTxRateMbps: count,
    }),
  ),
  netdev: v.nullable(
    v.looseObject({
      name: v.string(),
      ifindex: count,
      mac: anyMac,
      mtu: count,
      up: v.boolean(),
      altnames: v.nullable(v.array(v.string())),
      identifiedBy: v.exactOptional(v.picklist(['parent', 'bus-info', 'ifindex'])),
      settings: v.exactOptional(
        v.looseObject({
          flags: count,
          attributes: hexByName,
          ethtool: hexByName,
          files: v.record(settingPath, v.string()),
        }),
      ),
    }),
  ),
  macIsFree: v.exactOptional(v.literal(true)),
  rdmaDevices: v.exactOptional(v.array(v.string())),
});

/** Each part becomes a name in the file system. */
const key = v.object({
  network: v.pipe(v.string(), v.check(isIdentifier, 'no name of a network')),
  containerId: v.pipe(v.string(), v.check(isIdentifier, 'no container ID')),
  ifname: v.pipe(v.string(), v.check(isInterfaceName, 'no name of an interface')),
});

/** Root runs it. */
const pluginName = v.pipe(
  v.string(),
  v.check((text) => !text.includes('/'), 'no name of a plugin'),
);

function knowsPfOrNone({ pfPci, pfName, pfDriver, vfIndex }: Readonly<Record<keyof VfIdentity, unknown>>): boolean {
  const known = [pfPci, pfName, pfDriver, vfIndex].filter((part) => part !== null).length;
  return known === 0 || known === 4;
}

const record = v.looseObject({
  version: v.pipe(count, v.minValue(1), v.maxValue(recordVersion)),
  phase: v.picklist(['pending', 'attached']),
  vfGivenUp: v.exactOptional(v.literal(true)),
  key,
  pod: v.nullable(
    v.object({
      namespace: v.exactOptional(v.string()),
      name: v.exactOptional(v.string()),
      uid: v.exactOptional(v.string()),
    }),
  ),
  identity: v.pipe(
    v.looseObject({
      pci,
      pfPci: v.nullable(pci),
      pfName: v.nullable(v.string()),
      pfDriver: v.nullable(v.string()),
      vfIndex: v.nullable(count),
      driver: v.string(),
      kind: v.picklist(['netdev', 'userspace']),
    }),
    v.check((identity) => knowsPfOrNone(identity), 'half of a PF'),
    v.transform((identity) => identity as VfIdentity),
  ),
  resolvedFrom: v.string(),
  snapshot,
  mac: v.nullable(assignableMac),
  netns: v.object({ path: v.string(), device: v.string(), inode: v.string(), cookie: v.exactOptional(v.string()) }),
  bootId: v.string(),
  seenFrom: v.exactOptional(v.string()),
  podIfindex: v.nullable(count),
  addresses: v.array(v.string()),
  routes: v.array(
    v.object({
      dst: v.string(),
      gw: v.exactOptional(v.string()),
      mtu: v.exactOptional(count),
      advmss: v.exactOptional(count),
      priority: v.exactOptional(count),
      table: v.exactOptional(count),
      scope: v.exactOptional(count),
    }),
  ),
  ipam: v.nullable(
    v.looseObject({
      type: pluginName,
      stdin: v.string(),
      args: v.string(),
      pluginDirs: v.array(v.string()),
      gaveNothing: v.exactOptional(v.literal(true)),
    }),
  ),
  failedRelease: v.exactOptional(v.looseObject({ tries: count, firstMs: count, bootId: v.string() })),
  config: v.string(),
  cniArgs: v.string(),
  createdAt: v.string(),
  begunMs: v.exactOptional(count),
});

/** What can be told of a record that this build can't read. */
const newerRecord = v.object({ version: v.pipe(count, v.minValue(recordVersion + 1)) });

export function formatRecord(value: AttachmentRecord): string {
  return `${JSON.stringify(value)}\n`;
}

/** What was read last: a DEL finds the same text under each lock that it takes, and as the copy that the VF has. */
let lastRead: { readonly text: string; readonly record: AttachmentRecord } | null = null;

/** Reads a record; throws CniError recordVersion for one of a newer build, else an Error that says what is wrong with it. */
export function parseRecord(text: string): AttachmentRecord {
  if (lastRead?.text !== text) lastRead = { text, record: decode(text) };
  return lastRead.record;
}

function decode(text: string): AttachmentRecord {
  const value = parseJson(text, 'the record');
  const { success, output } = v.safeParse(newerRecord, value);
  if (success) {
    const { network, containerId, ifname } = parseKey(text) ?? {};
    const name = ifname === undefined ? '' : ` ${network}/${containerId}/${ifname}`;
    throw new CniError(
      'recordVersion',
      `the attachment record${name} is of version ${output.version}, and this build reads up to ${recordVersion}: a newer one wrote it`,
    );
  }
  const outcome = v.safeParse(record, value);
  if (outcome.success) return outcome.output;
  const [issue] = outcome.issues;
  throw new Error(`${v.getDotPath(issue) ?? 'record'}: ${issue.message}`);
}

/** The key in a record of whatever version; null where there is none. Throws nothing. */
export function parseKey(text: string): AttachmentKey | null {
  if (lastRead?.text === text) return lastRead.record.key;
  try {
    const outcome = v.safeParse(v.object({ key }), parseJson(text, 'the record'));
    return outcome.success ? outcome.output.key : null;
  } catch {
    return null;
  }
}
