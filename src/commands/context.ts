import { CniError } from '../cni/errors.ts';
import type { CniRequest } from '../cni/request.ts';
import { usualTimeLimitMs } from '../ipam/bookkeeping.ts';
import { isSameNetns, Namespace } from '../kernel/namespace.ts';
import type { Log } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Netns, Platform } from '../platform/platform.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { Locks } from '../state/locks.ts';
import { RecordStore } from '../state/record-store.ts';
import { StateDirectory } from '../state/state-directory.ts';

type SriovCniCache = typeof import('../state/sriov-cni-cache.ts');

/** What every verb works with. */
export interface CommandContext {
  readonly platform: Platform;
  readonly parseYaml: (text: string) => unknown;
  readonly sriovCniCache: () => SriovCniCache;
  readonly request: CniRequest;
  readonly log: Log;
  readonly store: RecordStore;
  readonly locks: Locks;
  readonly state: StateDirectory;
  /** The host's network namespace. */
  readonly host: Namespace;
  readonly releasing: Releasing;
}

/** How hard a verb tries to release an address. */
export interface Releasing {
  /** Time that the IPAM plugin may take. */
  readonly limitMs: number;
  /**
   * What follows if the release fails. `tried`: it counts as one of the tries after which the address is given up.
   * `deferred`: another verb will try; a release that has failed before isn't even begun. `given up`: the address is
   * given up at once.
   */
  readonly failure: 'tried' | 'deferred' | 'given up';
}

export function createContext(
  parts: Omit<CommandContext, 'store' | 'locks' | 'state' | 'host' | 'releasing'>,
): CommandContext {
  const { platform, log } = parts;
  const state = new StateDirectory(platform);
  return {
    ...parts,
    state,
    store: new RecordStore(platform, log, state),
    locks: new Locks(platform, state),
    host: new Namespace(platform, platform.ownNetns()),
    releasing: { limitMs: usualTimeLimitMs, failure: 'tried' },
  };
}

export function keyOf(request: CniRequest): AttachmentKey {
  return { network: request.network, containerId: request.containerId, ifname: request.ifname };
}

/**
 * Opens CNI_NETNS. Throws CniError invalidNetns if it is no namespace, or the host's own (CNI_NETNS_OVERRIDE allows
 * that).
 */
export function openPodNetns(platform: Platform, request: CniRequest): Netns {
  const netns = open(platform, request.netns);
  if (!isSameNetns(platform.ownNetns(), netns) || request.netnsOverride) return netns;
  netns.close();
  throw new CniError('invalidNetns', `CNI_NETNS ${request.netns} is the host's own network namespace`);
}

function open(platform: Platform, path: string): Netns {
  try {
    const netns = platform.openNetns(path);
    if (netns !== null) return netns;
  } catch (cause) {
    if (!isSystemError(cause)) throw cause;
    throw new CniError('invalidNetns', `CNI_NETNS ${path} can't be used`, { cause });
  }
  throw new CniError('invalidNetns', `CNI_NETNS ${path} doesn't exist`);
}
