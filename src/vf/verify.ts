import type { VfSettings } from '../config/sriov-conf.ts';
import type { Namespace } from '../kernel/namespace.ts';
import { readVfAdminState } from '../kernel/rtnl/vfs.ts';
import type { Pf, VfAdminState, VfIdentity } from './vf.ts';

/** `what: is X, should be Y`, for a person to read. */
export function difference(what: string, actual: unknown, expected: unknown): string[] {
  return actual === expected ? [] : [`${what} is ${actual ?? 'unknown'}, should be ${expected}`];
}

/** The PF's settings as ADD left them: what they were, overlaid with what the config asks for. */
function expectedAdmin(before: VfAdminState, settings: VfSettings): VfAdminState {
  return {
    mac: settings.mac ?? before.mac,
    vlan: settings.vlan ?? before.vlan,
    vlanQos: settings.vlan === undefined ? before.vlanQos : (settings.vlanQos ?? 0),
    vlanProtocol: settings.vlan === undefined ? before.vlanProtocol : (settings.vlanProtocol ?? '802.1q'),
    spoofchk: settings.spoofchk ?? before.spoofchk,
    trust: settings.trust ?? before.trust,
    linkState: settings.linkState ?? before.linkState,
    minTxRateMbps: settings.minTxRateMbps ?? before.minTxRateMbps,
    maxTxRateMbps: settings.maxTxRateMbps ?? before.maxTxRateMbps,
  };
}

/** How the PF's record of the VF differs from what ADD left. */
export function adminDifferences(
  host: Namespace,
  pf: Pf | null,
  identity: VfIdentity,
  before: VfAdminState,
  settings: VfSettings,
): string[] {
  const where = `VF ${identity.vfIndex} of PF ${identity.pfName}`;
  const now = pf === null ? null : readVfAdminState(host.session, pf.ifindex, pf.vfIndex);
  if (now === null) return [`${where} is gone`];
  const wanted = expectedAdmin(before, settings);
  const compare = (key: string, field: keyof VfAdminState): string[] =>
    difference(`${where}: ${key}`, now[field], wanted[field]);
  return [
    // A trusted pod may set its own MAC, and some PFs record that; only one that was asked for is held to.
    ...(settings.mac === undefined ? [] : compare('mac', 'mac')),
    ...compare('vlan', 'vlan'),
    ...compare('vlanQoS', 'vlanQos'),
    ...(wanted.vlan === 0 ? [] : compare('vlanProto', 'vlanProtocol')),
    ...compare('spoofchk', 'spoofchk'),
    ...compare('trust', 'trust'),
    ...compare('link_state', 'linkState'),
    ...compare('min_tx_rate', 'minTxRateMbps'),
    ...compare('max_tx_rate', 'maxTxRateMbps'),
  ];
}
