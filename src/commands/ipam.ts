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

/** `ipam` of a config, or what a record has of it. */
interface Ipam {
  readonly type: string;
}

/**
 * Starts an IPAM plugin for a verb, in the one way: as the runtime has called us or, for the attachment of a record, so
 * that the plugin finds what it gave in that ADD. Throws CniError as startPlugin.
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
 * The same, to its end, for verbs that older plugins don't know (host-local has no STATUS, whereabouts no CHECK): those
 * have nothing to say.
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

/** With the runtime's own config, where that is for this attachment and plugin. */
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
 * False for another plugin's config, and for one that no plugin could read: a runtime's cache may be damaged, and DEL
 * has to end.
 */
function isConfigOf({ config }: CniRequest, { type }: IpamInvocation): boolean {
  const { ipam, prevResult, runtimeConfig } = config;
  return (
    isJsonObject(ipam) && ipam['type'] === type && [prevResult, runtimeConfig].every((part) => isJsonObject(part ?? {}))
  );
}

/** '' where it is gone, or can't be looked at. */
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
 * CNI_NETNS for an IPAM plugin's DEL: empty where it names the host's own namespace by now, as /proc/PID/ns/net does
 * when the PID is used anew. Plugins refuse that one (libcni's skel), and the address would never be released.
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
    // No namespace, or none that can be looked at: what to make of it is for the IPAM plugin to say.
    return request.netns;
  }
}
