import type { Explanation } from '../../allocation/resolve.ts';
import type { CniError } from '../../cni/errors.ts';
import type { SriovConf } from '../../config/sriov-conf.ts';
import type { VfIdentity } from '../../vf/vf.ts';
import type { KeptRecord } from '../node/kept-records.ts';

/** What ADD would find and do once the VF is known. */
export interface Prospects {
  readonly identity: VfIdentity | null;
  /** The error that ADD would give; null where nothing is in the way. */
  readonly obstacle: CniError | null;
  /** What it would do to the VF, as commands. */
  readonly changes: readonly string[];
}

/** Which VF one ADD would take, and why. */
export interface Plan {
  readonly network: string;
  readonly ifname: string;
  readonly conf: SriovConf;
  readonly outcome: Explanation;
  readonly prospects: Prospects;
  /** The record of this very attachment, where it has been made already. */
  readonly attached: KeptRecord | null;
}
