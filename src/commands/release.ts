import { explain, isCniError } from '../cni/errors.ts';
import type { Platform } from '../platform/platform.ts';
import type { AttachmentRecord, FailedRelease, IpamInvocation } from '../state/attachment-record.ts';
import { describeAttachment } from '../state/record-store.ts';
import type { CommandContext } from './context.ts';
import { startIpam } from './ipam.ts';

/** An address that can't be released is given up after this many tries, if the last is this long after the first. */
const triesToEnd = 5;
const msToEnd = 5 * 60_000;

/**
 * Has the IPAM plugin release the attachment's address. Throws CniError if that fails, but not if there can be no
 * address, and not for ever: when the address is given up, the log names it, because it may have leaked.
 */
export function releaseAddresses(context: CommandContext, record: AttachmentRecord): void {
  const { ipam } = record;
  if (ipam === null) return;
  const { releasing, log } = context;
  if (releasing.failure === 'deferred' && record.failedRelease !== undefined) throw new Error('it has failed before');
  try {
    startIpam(context, 'DEL', ipam, record).finish();
  } catch (thrown) {
    const about = { type: ipam.type, attachment: describeAttachment(record), reason: explain(thrown) };
    if (hasNothing(record, ipam, thrown)) {
      log.warning('the IPAM plugin gave no address, and can’t release any', about);
      return;
    }
    if (!isEnd(context, record)) throw thrown;
    const addresses = record.addresses.join(' ') || 'not known';
    log.error('an address may have leaked: its IPAM plugin can’t release it, and is not asked again', {
      ...about,
      addresses,
    });
  }
}

/** The record of an attachment whose address could not be released now. */
export function countFailure(context: CommandContext, record: AttachmentRecord): AttachmentRecord {
  const { platform, releasing } = context;
  const { tries, firstMs, bootId } = failuresOf(platform, record);
  const counted = releasing.failure === 'tried' ? tries + 1 : tries;
  return { ...record, failedRelease: { tries: counted, firstMs, bootId } };
}

/** A plugin that doesn't speak the config's CNI version has refused the ADD, too, so it has given nothing. */
function hasNothing({ phase }: AttachmentRecord, { gaveNothing }: IpamInvocation, thrown: unknown): boolean {
  return gaveNothing === true || (phase === 'pending' && isCniError(thrown, 'incompatibleVersion'));
}

function isEnd({ platform, releasing }: CommandContext, record: AttachmentRecord): boolean {
  if (releasing.failure !== 'tried') return releasing.failure === 'given up';
  const { tries, firstMs } = failuresOf(platform, record);
  return tries + 1 >= triesToEnd && platform.monotonicMs() - firstMs >= msToEnd;
}

/** The monotonic clock begins anew with each boot. */
function failuresOf(platform: Platform, { failedRelease }: AttachmentRecord): FailedRelease {
  const bootId = platform.bootId();
  if (failedRelease?.bootId === bootId) return failedRelease;
  return { tries: failedRelease?.tries ?? 0, firstMs: Math.round(platform.monotonicMs()), bootId };
}
