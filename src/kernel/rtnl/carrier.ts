import { isSystemError } from '../../lib/system-error.ts';
import type { NetlinkSocket, Platform } from '../../platform/platform.ts';
import type { Namespace } from '../namespace.ts';
import { IFF_LOWER_UP, IFF_RUNNING, RTMGRP_LINK } from '../netlink/constants.ts';
import { getLink } from './link-queries.ts';

/**
 * Waits until frames sent from a link would really leave it; tells whether that came to be within `timeoutMs`.
 * False also where the link is gone. Throws SystemError.
 */
export function waitForCarrier(platform: Platform, where: Namespace, ifindex: number, timeoutMs: number): boolean {
  const deadlineMs = platform.monotonicMs() + timeoutMs;
  const look = (): boolean | null => {
    const link = getLink(where.session, { ifindex });
    return link === null ? null : canSend(link.flags);
  };
  if (look() === true) return true;
  // Subscribed before the next look, so that no change falls between the two.
  const events = platform.openNetlink(where.netns, RTMGRP_LINK);
  try {
    for (;;) {
      const seen = look();
      if (seen !== false) return seen === true;
      const leftMs = deadlineMs - platform.monotonicMs();
      if (leftMs <= 0 || !waitForEvent(events, leftMs)) return false;
    }
  } finally {
    events.close();
  }
}

/**
 * IFF_LOWER_UP is set as soon as the driver reports carrier; the queue, which drops all frames until then, is opened a
 * moment later, together with IFF_RUNNING (net/core/link_watch.c, linkwatch_do_dev).
 */
function canSend(flags: number): boolean {
  const needed = IFF_LOWER_UP | IFF_RUNNING;
  return (flags & needed) === needed;
}

/** Any event is a reason to look again, and so are lost ones; false when time is up. */
function waitForEvent(events: NetlinkSocket, timeoutMs: number): boolean {
  try {
    return events.receive(timeoutMs) !== null;
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOBUFS')) return true;
    throw thrown;
  }
}
