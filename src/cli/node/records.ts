import { parseCniArgsLeniently } from '../../cni/cni-args.ts';
import { explain, isBug, isCniError } from '../../cni/errors.ts';
import type { CniCommand, CniRequest } from '../../cni/request.ts';
import { newestVersion } from '../../cni/versions.ts';
import { parseConf } from '../../config/parse.ts';
import type { SriovConf } from '../../config/sriov-conf.ts';
import { isJsonObject } from '../../lib/json.ts';
import { createLog } from '../../lib/log.ts';
import { printable } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import type { AttachmentKey, AttachmentRecord } from '../../state/attachment-record.ts';
import { type Life, lifeOf } from '../../state/liveness.ts';
import { RecordStore, sameKey } from '../../state/record-store.ts';
import type { SriovCniEntry } from '../../state/sriov-cni-cache.ts';
import { nameHolder, type Tool } from '../tool.ts';

/** `unknown` also if its network namespace could not be looked at. */
type PodState = Life;

/** An attachment's record as it lies on this node. */
export interface KeptRecord {
  readonly key: AttachmentKey;
  readonly record: AttachmentRecord;
  readonly pod: PodState;
  /** Its ADD or DEL is under way, or was killed. */
  readonly isHalf: boolean;
}

/** True for an attachment that `gc` gives back, unless a process works on it. */
export const isLeft = ({ pod, isHalf }: KeptRecord): boolean => pod === 'dead' || isHalf;

/** `net1 of ns/web` */
export const nameAttachment = ({ key, record }: KeptRecord): string =>
  `${key.ifname} of ${nameHolder(record.pod, key.containerId)}`;

export interface DamagedRecord {
  readonly key: AttachmentKey;
  readonly reason: string;
  /** It is whole, but of a newer version of the plugin, which this one can't read. */
  readonly isNewer: boolean;
}

export interface KeptRecords {
  readonly records: readonly KeptRecord[];
  /** Records that can't be read. */
  readonly damaged: readonly DamagedRecord[];
  /** Names of damaged records that the plugin has set aside, in `<stateDir>/.damaged`. */
  readonly setAside: readonly string[];
}

/** A store that changes nothing and logs to stderr. */
function openStore(platform: Platform): RecordStore {
  const write = (line: string): void => platform.writeStderr(line);
  return new RecordStore(platform, createLog({ level: 'warning', write }));
}

/** The opposite of isWhole of commands/reap.ts, without the pod's life. */
function isHalfDone(store: RecordStore, { key, identity, phase }: AttachmentRecord): boolean {
  const owner = store.peekOwner(identity.pci);
  return phase !== 'attached' || owner === null || !sameKey(owner, key);
}

function podStateOf(platform: Platform, record: AttachmentRecord): PodState {
  try {
    return lifeOf(platform, record);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    // A process that can't look must not call a pod dead.
    return 'unknown';
  }
}

/** All records of this node. Changes nothing. Throws SystemError where the state directory can't be read. */
export function readRecords(platform: Platform): KeptRecords {
  const store = openStore(platform);
  const records: KeptRecord[] = [];
  const damaged: DamagedRecord[] = [];
  for (const key of store.allKeys()) {
    try {
      const record = store.peek(key);
      // The record was removed since the directory was read.
      if (record === null) continue;
      records.push({ key, record, pod: podStateOf(platform, record), isHalf: isHalfDone(store, record) });
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      damaged.push({ key, reason: explain(thrown), isNewer: isCniError(thrown, 'recordVersion') });
    }
  }
  return { records, damaged, setAside: store.damaged() };
}

/** Attachments of sriov-cni, whose DEL this plugin serves; empty if it has never been here, or can't be read. */
export function readSriovCni({
  platform,
  sriovCniCache,
}: Pick<Tool, 'platform' | 'sriovCniCache'>): readonly SriovCniEntry[] {
  try {
    return platform.stat(platform.paths.sriovCniDir) === null ? [] : sriovCniCache().listEntries(platform);
  } catch (thrown) {
    if (isSystemError(thrown)) return [];
    throw thrown;
  }
}

/** `net1 of container 4f1c0b7a9e2d3, attached by sriov-cni`, and its network if that is known. */
export function describeEntry({ containerId, ifname, network }: SriovCniEntry): string {
  const of = network === null ? '' : `, network ${network}`;
  return printable(`${ifname} of container ${containerId.slice(0, 13)}, attached by sriov-cni${of}`);
}

/** As describeEntry, with its VF if that is known. */
export function describeWithVf(entry: SriovCniEntry): string {
  return `${describeEntry(entry)}${entry.pci === null ? '' : `, VF ${entry.pci}`}`;
}

/** A request that no runtime made. */
export function madeUpRequest(command: CniCommand, parts: Partial<CniRequest>): CniRequest {
  return {
    command,
    containerId: '',
    netns: '',
    ifname: '',
    args: {},
    pluginDirs: [],
    netnsOverride: false,
    stdin: '{}',
    config: {},
    cniVersion: newestVersion,
    network: '',
    ...parts,
  };
}

/** The network config of an attachment; null if this version can't read it. */
export function recordedConf({ key, config, cniArgs }: AttachmentRecord): SriovConf | null {
  try {
    const json: unknown = JSON.parse(config);
    if (!isJsonObject(json)) return null;
    return parseConf(
      madeUpRequest('CHECK', { ...key, args: parseCniArgsLeniently(cniArgs), stdin: config, config: json }),
    );
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return null;
  }
}
