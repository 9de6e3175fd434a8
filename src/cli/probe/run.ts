import { CniError } from '../../cni/errors.ts';
import { type CommandContext, keyOf } from '../../commands/context.ts';
import { detach, detachIncomplete } from '../../commands/detach.ts';
import { holdVf } from '../../commands/hold-vf.ts';
import { pendingRecord, writeFirst } from '../../commands/pending.ts';
import { reclaimSelf } from '../../commands/reap.ts';
import { identifyNetns } from '../../kernel/namespace.ts';
import type { PciAddress } from '../../lib/pci-address.ts';
import { getPf, takeSnapshot } from '../../vf/snapshot.ts';
import type { VfIdentity } from '../../vf/vf.ts';
import { openContext } from '../node/context.ts';
import type { Tool } from '../tool.ts';
import { Attempt } from './attempt.ts';
import type { TriedValue } from './report.ts';
import { listTrials } from './trials.ts';

/** The settings that were tried on a VF. */
interface Tried {
  readonly settings: readonly TriedValue[];
  /** A signal came before the end. */
  readonly interrupted: boolean;
}

const source = 'the command line';

/**
 * Tries all settings on a VF and puts back what it had. Holds its locks and writes a record first, as an ADD does, so
 * whoever finds that half done gives the VF back. Throws CniError: vfBusy and the others of an ADD that can't have the
 * VF; detachIncomplete if not all could be put back, and then the record is kept.
 */
export function probeVf(tool: Tool, pci: PciAddress): Tried {
  const containerId = `probe-${pci.replaceAll(':', '_')}`;
  const context = openContext(tool, { network: 'dra-sriov-probe', containerId, ifname: 'probe' });
  const key = keyOf(context.request);
  const lock = context.locks.lockContainer(containerId, 'probe');
  try {
    reclaimSelf(context, key);
    return holdVf(context, pci, source, key, 'probe', (identity) => tryAll(context, identity));
  } finally {
    lock.unlock();
    context.host.close();
  }
}

function tryAll(context: CommandContext, identity: VfIdentity): Tried {
  const { platform, host } = context;
  const pf = getPf(platform, host, identity);
  const { admin, netdev } = takeSnapshot(platform, host, identity, pf);
  if (netdev === null) throw new CniError('noDriver', `VF ${identity.pci} has no netdev to try settings on`);
  const given = { mac: netdev.mac, mtu: netdev.mtu, pfMtu: pf?.mtu ?? null, admin };
  // The VF stays on the host, and so do its RDMA devices.
  const netns = { path: `${platform.paths.procfs}/self/ns/net`, ...identifyNetns(host) };
  const record = pendingRecord(context, {
    identity,
    resolvedFrom: source,
    snapshot: { admin, netdev },
    mac: null,
    netns,
    pod: null,
    ipam: null,
  });
  writeFirst(context, record);
  const attempt = new Attempt(context, record, pf);
  const settings: TriedValue[] = [];
  const trials = [...listTrials(given)];
  let failure: unknown = null;
  try {
    while (trials.length > 0 && !platform.signalCame()) settings.push(...attempt.tryKey(trials.shift() ?? []));
  } catch (thrown) {
    failure = thrown;
  }
  const left = detach(context, attempt.record);
  if (left.length > 0) throw detachIncomplete(record, identity.pci, left);
  if (failure !== null) throw failure;
  return { settings, interrupted: trials.length > 0 };
}
