import { resolveVf } from '../allocation/resolve.ts';
import type { CniResult } from '../cni/result.ts';
import { formatResult, resultSoFar } from '../cni/result-versions.ts';
import { parseConf } from '../config/parse.ts';
import type { SriovConf } from '../config/sriov-conf.ts';
import { findPlugin } from '../ipam/plugin.ts';
import { Namespace } from '../kernel/namespace.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { Netns } from '../platform/platform.ts';
import { describeAttachment } from '../state/record-store.ts';
import type { VfIdentity } from '../vf/vf.ts';
import { Attachment } from './attachment.ts';
import { type CommandContext, keyOf, openPodNetns } from './context.ts';
import { holdVf } from './hold-vf.ts';
import { reclaimSelf } from './reap.ts';
import { sweep } from './sweep.ts';

/**
 * ADD (SPEC.md). Refuses whatever can be refused before the first change; once the record is written, a failure undoes
 * everything. Prints the result in the config's version.
 */
export function add(context: CommandContext): string {
  const { platform, request } = context;
  const conf = parseConf(request);
  for (const { path, message } of conf.warnings) context.log.warning('a key is odd', { key: path, problem: message });
  const previous = resultSoFar(request);
  if (conf.ipam !== null) findPlugin(platform, { type: conf.ipam.type, pluginDirs: request.pluginDirs });
  const netns = openPodNetns(platform, request);
  try {
    sweep(context, keyOf(request));
    const result = addTo(context, conf, netns, previous);
    return formatResult(result, request.cniVersion);
  } finally {
    netns.close();
  }
}

function addTo(context: CommandContext, conf: SriovConf, netns: Netns, previous: CniResult): CniResult {
  const { platform, parseYaml, request, locks, store } = context;
  const key = keyOf(request);
  const containerLock = locks.lockContainer(key.containerId, `ADD of ${key.ifname}`);
  try {
    if (store.hasRecord(key)) reclaimSelf(context, key);
    const held = heldByContainer(context);
    const { pci, source, trace } = resolveVf({ platform, parseYaml }, { conf, network: request.network, held });
    context.log.info('VF found', { pci, source, verdict: trace.at(-1)?.verdict });
    const purpose = `ADD of ${key.ifname} of container ${key.containerId}`;
    return holdVf(context, pci, source, key, purpose, (identity) =>
      attachVf(context, conf, identity, source, netns, previous),
    );
  } finally {
    containerLock.unlock();
  }
}

function attachVf(
  context: CommandContext,
  conf: SriovConf,
  identity: VfIdentity,
  source: string,
  netns: Netns,
  previous: CniResult,
): CniResult {
  const { pci, driver } = identity;
  if (identity.kind === 'userspace' && conf.settings.mtu !== undefined) {
    context.log.warning('mtu is ignored: a VF of a user-space driver has no netdev', { pci, driver });
  }
  const pod = new Namespace(context.platform, netns);
  try {
    return new Attachment(context, conf, identity, source, pod).attach(previous);
  } finally {
    pod.close();
  }
}

/** VFs that this container's other attachments hold, each with a name of its attachment. */
function heldByContainer(context: CommandContext): ReadonlyMap<PciAddress, string> {
  const { store, request } = context;
  const records = store.keysOfContainer(request.containerId).map((key) => store.read(key));
  return new Map(
    records.flatMap((record) =>
      record === null || record.vfGivenUp === true ? [] : [[record.identity.pci, describeAttachment(record)]],
    ),
  );
}
