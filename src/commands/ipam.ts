import type { CniRequest } from '../cni/request.ts';
import { type IpamCall, type IpamCommand, type IpamProcess, isNotImplemented, startPlugin } from '../ipam/plugin.ts';
import { isSameNetns } from '../kernel/namespace.ts';
import { isJsonObject } from '../lib/json.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { AttachmentRecord, IpamInvocation } from '../state/attachment-record.ts';
import { openRecordedNetns } from '../state/liveness.ts';
import { sameKey } from '../state/record-store.ts';
import type { CommandContext } from './context.ts';

/** `ipam` of a config, or of a record. */
interface Ipam {
  readonly type: string;
}

/**
 * Starts an IPAM plugin for a verb: as the runtime has called us or, for the attachment of a record, in such a way that
 * the plugin finds what it gave in that ADD. Throws CniError as startPlugin does.
 */
export function startIpam(
  context: CommandContext,
  command: IpamCommand,
  ipam: Ipam,
  record: AttachmentRecord | null = null,
): IpamProcess {
  const recorded = record?.ipam ?? null;
  const isRecorded = record !== null && recorded !== null;
  const call = isRecorded ? recordedCall(context, record, recorded) : ownCall(context, command, ipam);
  return startPlugin(context, { ...call, command });
}

/**
 * Runs an IPAM plugin to its end, for verbs that older plugins don't know (host-local has no STATUS, whereabouts no
 * CHECK). A plugin that says so has succeeded.
 */
export function askIpam(
  context: CommandContext,
  command: 'CHECK' | 'STATUS' | 'GC',
  ipam: Ipam,
  record: AttachmentRecord | null = null,
): void {
  try {
    startIpam(context, command, ipam, record).finish();
  } catch (thrown) {
    if (!isNotImplemented(thrown)) throw thrown;
  }
}

type Call = Omit<IpamCall, 'command'>;

function ownCall({ platform, request, releasing }: CommandContext, command: IpamCommand, { type }: Ipam): Call {
  if (command !== 'DEL') return { type };
  return { type, variables: { CNI_NETNS: netnsForRelease(platform, request) }, timeLimitMs: releasing.limitMs };
}

/** The call for the attachment of a record, with the runtime's own config if that is for this plugin. */
function recordedCall(context: CommandContext, record: AttachmentRecord, ipam: IpamInvocation): Call {
  const { request, platform, releasing } = context;
  const { containerId, ifname } = record.key;
  const pluginDirs = request.pluginDirs.length > 0 ? request.pluginDirs : ipam.pluginDirs;
  const isAsked = sameKey(record.key, request);
  const isOwn = isAsked && isConfigOf(request, ipam);
  const netns = isAsked ? netnsForRelease(platform, request) : '';
  return {
    type: ipam.type,
    pluginDirs,
    stdin: isOwn ? request.stdin : ipam.stdin,
    variables: {
      CNI_CONTAINERID: containerId,
      CNI_IFNAME: ifname,
      CNI_NETNS: netns === '' ? recordedNetns(platform, record) : netns,
      CNI_ARGS: ipam.args,
      CNI_PATH: pluginDirs.join(':'),
    },
    timeLimitMs: releasing.limitMs,
  };
}

/**
 * False for another plugin's config, and for one that no plugin could read, because a runtime's cache may be damaged
 * and DEL has to end.
 */
function isConfigOf({ config }: CniRequest, { type }: IpamInvocation): boolean {
  const { ipam, prevResult, runtimeConfig } = config;
  return (
    isJsonObject(ipam) && ipam['type'] === type && [prevResult, runtimeConfig].every((part) => isJsonObject(part ?? {}))
  );
}

/** Path of the recorded namespace; '' if it is gone, or can't be looked at. */
function recordedNetns(platform: Platform, record: AttachmentRecord): string {
  try {
    const netns = openRecordedNetns(platform, record);
    netns?.close();
    return netns === null ? '' : record.netns.path;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return '';
  }
}

/**
 * CNI_NETNS for an IPAM plugin's DEL: empty if it names the host's own namespace by now, as /proc/PID/ns/net does when
 * the PID is used anew. Plugins refuse the host's namespace (libcni's skel), and would never release the address.
 */
function netnsForRelease(platform: Platform, request: CniRequest): string {
  if (request.netns === '' || request.netnsOverride) return request.netns;
  try {
    const netns = platform.openNetns(request.netns);
    if (netns === null) return request.netns;
    const isHosts = isSameNetns(platform.ownNetns(), netns);
    netns.close();
    return isHosts ? '' : request.netns;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    // The path leads to no namespace, or can't be looked at, which the IPAM plugin may report.
    return request.netns;
  }
}
