// Loaded only by the one run in a minute that looks for others' leftovers (sweep.ts).
import { explain } from '../cni/errors.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { describeKey, sameKey } from '../state/record-store.ts';
import type { CommandContext } from './context.ts';
import { reclaimIfLeft } from './reap.ts';

/**
 * How long a run may look at others' records. It ends what it has begun by then, and the next run goes on behind that.
 * With what it takes to list 1,000 of them a look takes 20 ms.
 */
const budgetMs = 15;

const nameOf = (key: AttachmentKey): string => `${key.network}/${key.containerId}/${key.ifname}`;

/**
 * Looks at one record at least. Returns the name of the last one if the time was too short; '' if it came to the end.
 */
export function sweepAfter(context: CommandContext, now: AttachmentKey, last: string): string {
  const { platform, store } = context;
  const deadlineMs = platform.monotonicMs() + budgetMs;
  let done = last;
  for (const key of store.keysBehind(...last.split('/'))) {
    if (done !== last && platform.monotonicMs() > deadlineMs) return done;
    if (!sameKey(key, now)) sweepOne(context, key);
    done = nameOf(key);
  }
  return '';
}

function sweepOne(context: CommandContext, key: AttachmentKey): void {
  try {
    reclaimIfLeft(context, key);
  } catch (thrown) {
    context.log.warning('a dead attachment could not be reclaimed', {
      attachment: describeKey(key),
      reason: explain(thrown),
    });
  }
}

/** Removes what killed processes have left besides records. Never fails. */
export function tidy({ store, locks, log }: CommandContext): void {
  try {
    store.tidyAll();
    locks.removeAbandoned();
  } catch (thrown) {
    log.warning('what killed processes left can’t be removed', { reason: explain(thrown) });
  }
}
