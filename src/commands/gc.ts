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
 * GC (SPEC.md): reclaims this network's attachments that the runtime doesn't list as valid; without a list those whose
 * pods are certainly dead, and what killed ADDs and DELs left. Goes on past failures and reports all of them. Throws
 * CniError gcIncomplete.
 */
export function gc(context: CommandContext): string {
  const { request, store, platform } = context;
  const startedAtMs = platform.monotonicMs();
  const listed = parseValidAttachments(request.config);
  const valid = new Set(listed?.map((one) => `${one.containerId}/${one.ifname}`));
  const isLeft = (record: AttachmentRecord): boolean => listed !== null || !isWhole(context, record);
  // What the runtime says is no more must be gone afterwards, or it would ask for ever.
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

/** An attachment that was begun after GC can't be in its list, and one that is under way isn't left behind. */
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
 * By the monotonic clock: the other one may have been set back since. A record without it is of an older release, so of
 * before.
 */
function isBegunSince(
  { platform }: CommandContext,
  { bootId, begunMs }: AttachmentRecord,
  startedAtMs: number,
): boolean {
  return bootId === platform.bootId() && begunMs !== undefined && begunMs >= startedAtMs;
}

/** `detach` has released the addresses of what was reclaimed; an IPAM plugin that knows GC may hold more. */
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
