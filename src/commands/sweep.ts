import { explain } from '../cni/errors.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import type { CommandContext } from './context.ts';
import { sweepAfter, tidy } from './sweep-records.ts';

const intervalMs = 60_000;
/**
 * After a boot there may be more records than fit into one run. Of many pods that start at once only some shall pay for
 * that.
 */
const intervalWhereUnfinishedMs = 1000;

/**
 * Looks at all records now and then, and reclaims those of dead pods and of killed ADDs and DELs, addresses included,
 * because nobody else will. If the time was too short for all, the next run goes on from there, so that a record that
 * can't be reclaimed doesn't keep the others. Never fails.
 */
export function sweep(context: CommandContext, now: AttachmentKey): void {
  try {
    const stamp = readStamp(context);
    if (stamp === null) return;
    writeStamp(context, intervalMs, stamp.last);
    const last = sweepAfter(context, now, stamp.last);
    if (last !== '') writeStamp(context, intervalWhereUnfinishedMs, last);
    else finish(context, stamp.last);
  } catch (thrown) {
    context.log.warning('dead attachments can’t be looked for', { reason: explain(thrown) });
  }
}

function finish(context: CommandContext, begunAfter: string): void {
  if (begunAfter !== '') writeStamp(context, intervalMs, '');
  tidy(context);
}

/**
 * Reads `<boot ID> <time of the next sweep, on that boot's monotonic clock in ms> <record that the last one ended
 * with>`; null if no sweep is due.
 */
function readStamp({ platform, state }: CommandContext): { readonly last: string } | null {
  const text = platform.readFile(stampPath(state.find()), { followLinks: false })?.toString('utf8') ?? '';
  const [bootId, dueAt, last = ''] = text.split(' ');
  const leftMs = Number(dueAt ?? Number.NaN) - platform.monotonicMs();
  // The stamp is of another boot, or of an older release, which wrote the wall clock's time.
  if (bootId !== platform.bootId()) return { last: '' };
  // A time that is further away is from another time namespace.
  return leftMs > 0 && leftMs <= intervalMs ? null : { last };
}

function writeStamp({ platform, state }: CommandContext, waitMs: number, last: string): void {
  const text = `${platform.bootId()} ${Math.round(platform.monotonicMs()) + waitMs} ${last}`;
  platform.writeFileAtomic(stampPath(state.make()), text, { mode: 0o600, durable: false });
}

const stampPath = (stateDir: string): string => `${stateDir}/.swept`;
