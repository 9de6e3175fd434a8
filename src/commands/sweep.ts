import { explain } from '../cni/errors.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import type { CommandContext } from './context.ts';
import { sweepAfter, tidy } from './sweep-records.ts';

const intervalMs = 60_000;
/**
 * After a boot there may be more than fits into one run; but not every pod of many that start at once shall pay for it.
 */
const intervalWhereUnfinishedMs = 1000;

/**
 * Now and then, looks at all records and reclaims what nobody will: of dead pods, and of killed ADDs and DELs;
 * addresses included. One that had no time for all is gone on with from where it ended, so that one that can't be
 * reclaimed doesn't keep the others. Never fails.
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
 * `<boot ID> <when the next one is due, on that boot's monotonic clock in ms> <the last one looked at>`; null where it
 * isn't due yet.
 */
function readStamp({ platform, state }: CommandContext): { readonly last: string } | null {
  const text = platform.readFile(stampPath(state.find()), { followLinks: false })?.toString('utf8') ?? '';
  const [bootId, dueAt, last = ''] = text.split(' ');
  const leftMs = Number(dueAt ?? Number.NaN) - platform.monotonicMs();
  // Of an older release, which wrote the wall clock's time, or of a time namespace of its own.
  if (bootId !== platform.bootId()) return { last: '' };
  return leftMs > 0 && leftMs <= intervalMs ? null : { last };
}

function writeStamp({ platform, state }: CommandContext, waitMs: number, last: string): void {
  const text = `${platform.bootId()} ${Math.round(platform.monotonicMs()) + waitMs} ${last}`;
  platform.writeFileAtomic(stampPath(state.make()), text, { mode: 0o600, durable: false });
}

const stampPath = (stateDir: string): string => `${stateDir}/.swept`;
