import type { Json } from '../lib/json.ts';

export type CniCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC' | 'VERSION';

/** What the runtime said in the environment and on stdin; checked for form, not for meaning. */
export interface CniRequest {
  readonly command: CniCommand;
  readonly containerId: string;
  /** As given; '' where the runtime gave none (allowed for DEL). */
  readonly netns: string;
  readonly ifname: string;
  readonly args: Readonly<Record<string, string>>;
  /** CNI_PATH, split. */
  readonly pluginDirs: readonly string[];
  readonly netnsOverride: boolean;
  /** The config on stdin, verbatim (delegated to IPAM) and as JSON. */
  readonly stdin: string;
  readonly config: Json;
  readonly cniVersion: string;
  readonly network: string;
}
