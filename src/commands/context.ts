import type { CniRequest } from '../cni/request.ts';
import { usualTimeLimitMs } from '../ipam/plugin.ts';
import { Namespace } from '../kernel/namespace.ts';
import type { Log } from '../lib/log.ts';
import type { Platform } from '../platform/platform.ts';
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

/** How much is done for the release of an address. */
export interface Releasing {
  /** What the IPAM plugin may take. */
  readonly limitMs: number;
  /**
   * What becomes of a release that fails. `tried`: it counts as one of the tries after which the address is given up. `deferred`: others will try;
   * one that has failed before isn't even begun. `given up`: at once.
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
