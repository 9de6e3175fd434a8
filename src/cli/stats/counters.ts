import { Namespace } from '../../kernel/namespace.ts';
import { type Counters, listVfStatistics, readLinkStatistics } from '../../kernel/rtnl/statistics.ts';
import type { Platform } from '../../platform/platform.ts';
import { readNetdev, readQuietly, type Survey, type SurveyedPf, type SurveyedVf } from '../node/survey.ts';

/** A VF with its counters. */
export interface CountedVf {
  readonly pf: SurveyedPf;
  readonly vf: SurveyedVf;
  /** Null if neither its PF nor a netdev of its own counts anything. */
  readonly counters: Counters | null;
  /**
   * The source of the counters. A netdev doesn't count what the pod's user-space drivers send, and begins anew when its
   * driver is bound.
   */
  readonly countedBy: 'pf' | 'netdev' | null;
}

function countVf(platform: Platform, pf: SurveyedPf, vf: SurveyedVf, byPf: ReadonlyMap<number, Counters>): CountedVf {
  const counted = byPf.get(vf.index);
  if (counted !== undefined) return { pf, vf, counters: counted, countedBy: 'pf' };
  const read = ({ session }: Namespace, { ifindex }: { readonly ifindex: number }): Counters | null =>
    readLinkStatistics(session, ifindex);
  const own = readQuietly(() => readNetdev(platform, vf, read));
  return { pf, vf, counters: own, countedBy: own === null ? null : 'netdev' };
}

/**
 * The counters of all VFs: those of their PFs, or if a PF counts nothing those of the VFs' own netdevs, wherever these
 * are. Changes nothing.
 */
export function countVfs(platform: Platform, { pfs }: Survey): readonly CountedVf[] {
  const host = new Namespace(platform, platform.ownNetns());
  try {
    return pfs.flatMap((pf) => {
      const { link } = pf;
      const byPf = link === null ? null : readQuietly(() => listVfStatistics(host.session, link.ifindex));
      return pf.vfs.map((vf) => countVf(platform, pf, vf, byPf ?? new Map()));
    });
  } finally {
    host.close();
  }
}
