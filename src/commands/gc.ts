import { CniError, explain } from '../cni/errors.ts';
import { parseDelConf } from '../config/parse.ts';
import { parseValidAttachments } from '../config/valid-attachments.ts';
import { converge } from '../lib/converge.ts';
import type { AttachmentKey, AttachmentRecord } from '../state/attachment-record.ts';
import { describeAttachment, describeKey } from '../state/record-store.ts';
import type { CommandContext } from './context.ts';
import { detach } from './detach.ts';
import { askIpam } from './ipam.ts';
import { isWhole } from './reap.ts';

/**
 * GC (SPEC.md): reclaims those attachments of this network that the runtime doesn't list as valid; without a list those
 * whose pods are certainly dead, and those of killed ADDs and DELs. Goes on past failures and reports all of them.
 * Throws CniError gcIncomplete.
 */
export function gc(context: CommandContext): string {
  const { request, store, platform } = context;
  const startedAtMs = platform.monotonicMs();
  const listed = parseValidAttachments(request.config);
  const valid = new Set(listed?.map((one) => `${one.containerId}/${one.ifname}`));
  const isLeft = (record: AttachmentRecord): boolean => listed !== null || !isWhole(context, record);
  // An attachment that the runtime doesn't list must be gone afterwards, or the runtime would ask for ever.
  const releasing: CommandContext =
    listed === null ? context : { ...context, releasing: { ...context.releasing, failure: 'given up' } };
  const failures: string[] = [];
  for (const key of store.keysOfNetwork(request.network)) {
    if (valid.has(`${key.containerId}/${key.ifname}`)) continue;
    failures.push(...reclaim(releasing, key, startedAtMs, isLeft));
  }
  failures.push(...collectIpam(context), ...tidy(context));
  if (failures.length > 0) throw new CniError('gcIncomplete', failures.join('; '));
  return '';
}

/** Leaves alone an attachment that began after GC, which can't be in its list, and one that is under way. */
function reclaim(
  context: CommandContext,
  key: AttachmentKey,
  startedAtMs: number,
  isLeft: (record: AttachmentRecord) => boolean,
): string[] {
  const { store, locks, log } = context;
  try {
    const seen = store.read(key);
    if (seen === null) return [];
    const lock = locks.lockVf(seen.identity.pci, `GC of ${key.ifname} of container ${key.containerId}`);
    try {
      const record = store.read(key);
      if (record === null || isBegunSince(context, record, startedAtMs) || !isLeft(record)) return [];
      log.info('reclaiming', { attachment: describeAttachment(record), pci: record.identity.pci });
      return detach(context, record).map((failure) => `${describeAttachment(record)}: ${explain(failure)}`);
    } finally {
      lock.unlock();
    }
  } catch (thrown) {
    return [`${describeKey(key)}: ${explain(thrown)}`];
  }
}

/**
 * Goes by the monotonic clock, because the wall clock may have been set back since. A record without that time is of an
 * older release, so it began before.
 */
function isBegunSince(
  { platform }: CommandContext,
  { bootId, begunMs }: AttachmentRecord,
  startedAtMs: number,
): boolean {
  return bootId === platform.bootId() && begunMs !== undefined && begunMs >= startedAtMs;
}

/** `detach` has released the addresses of reclaimed attachments. An IPAM plugin that knows GC may hold more. */
function collectIpam(context: CommandContext): string[] {
  const { ipam } = parseDelConf(context.request);
  if (ipam === null) return [];
  try {
    askIpam(context, 'GC', ipam);
    return [];
  } catch (thrown) {
    return [explain(thrown)];
  }
}

function tidy({ store, locks }: CommandContext): string[] {
  return converge([
    ['remove what killed processes left', () => store.tidyAll()],
    ['remove locks that nobody holds', () => locks.removeAbandoned()],
  ]).map(explain);
}
