import { parseCniArgsLeniently } from '../../cni/cni-args.ts';
import { isJsonObject } from '../../cni/json-text.ts';
import type { CniCommand, CniRequest } from '../../cni/request.ts';
import { newestVersion } from '../../cni/versions.ts';
import { parseConf } from '../../config/parse.ts';
import type { SriovConf } from '../../config/sriov-conf.ts';
import type { AttachmentRecord } from '../../state/attachment-record.ts';

/** A request that no runtime made. */
export function madeUpRequest(command: CniCommand, parts: Partial<CniRequest>): CniRequest {
  return {
    command,
    containerId: '',
    netns: '',
    ifname: '',
    args: {},
    pluginDirs: [],
    netnsOverride: false,
    stdin: '{}',
    config: {},
    cniVersion: newestVersion,
    network: '',
    ...parts,
  };
}

/** The network config that an attachment was made from; null where this version can't read it any more. */
export function recordedConf({ key, config, cniArgs }: AttachmentRecord): SriovConf | null {
  try {
    const json: unknown = JSON.parse(config);
    if (!isJsonObject(json)) return null;
    return parseConf(
      madeUpRequest('CHECK', { ...key, args: parseCniArgsLeniently(cniArgs), stdin: config, config: json }),
    );
  } catch {
    return null;
  }
}
