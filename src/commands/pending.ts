import type { PodReference } from '../config/sriov-conf.ts';
import type { NetnsId } from '../kernel/namespace.ts';
import { converge } from '../lib/converge.ts';
import type { MacAddress } from '../lib/mac-address.ts';
import { type AttachmentRecord, type IpamInvocation, recordVersion } from '../state/attachment-record.ts';
import { describeView } from '../state/liveness.ts';
import { changeOwnMac } from '../vf/mac.ts';
import type { VfIdentity, VfSnapshot } from '../vf/vf.ts';
import { type CommandContext, keyOf } from './context.ts';

/** All that is known of an ADD or probe before the first change. */
interface Attempt {
  readonly identity: VfIdentity;
  readonly resolvedFrom: string;
  readonly snapshot: VfSnapshot;
  /** The MAC that was asked for; null if the VF keeps its own. */
  readonly mac: MacAddress | null;
  /** The namespace that the VF moves to. */
  readonly netns: NetnsId & { readonly path: string };
  readonly pod: PodReference | null;
  readonly ipam: IpamInvocation | null;
}

/** The record of what is about to change, for whoever finds it half done. */
export function pendingRecord({ platform, request }: CommandContext, attempt: Attempt): AttachmentRecord {
  return {
    version: recordVersion,
    phase: 'pending',
    key: keyOf(request),
    ...attempt,
    bootId: platform.bootId(),
    ...describeView(platform),
    podIfindex: null,
    addresses: [],
    routes: [],
    config: request.stdin,
    cniArgs: platform.environment['CNI_ARGS'] ?? '',
    createdAt: new Date(platform.epochMs()).toISOString(),
    begunMs: Math.ceil(platform.monotonicMs()),
  };
}

/** Writes the record; if that fails, removes its remains, because nothing else has changed yet. Throws CniError io. */
export function writeFirst({ store }: CommandContext, record: AttachmentRecord): void {
  try {
    store.write(record);
  } catch (thrown) {
    converge([['remove the record', () => store.remove(record)]]);
    throw thrown;
  }
}

/**
 * Changes the VF's own MAC, before the PF's settings, an order that every driver can follow. Only now is it known
 * whether an untrusted VF could change its MAC by itself, which has to be on disk before the PF guards the MAC.
 */
export function changeOwnMacOf(
  { host, store }: CommandContext,
  record: AttachmentRecord,
  mac: MacAddress | null,
): AttachmentRecord {
  if (mac === null || !changeOwnMac(host, record.snapshot, mac)) return record;
  const free: AttachmentRecord = { ...record, snapshot: { ...record.snapshot, macIsFree: true } };
  store.update(free);
  return free;
}
