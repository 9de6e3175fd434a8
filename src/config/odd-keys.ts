import type { Json } from '../lib/json.ts';
import { quote } from '../lib/quote.ts';
import { findMisspelt } from './spelling.ts';
import type { ConfProblem } from './wire-conf.ts';

/**
 * Top-level keys of other plugins for interfaces, with the plugin: whoever writes one here expects something that won't
 * happen.
 */
const foreignKeys: ReadonlyMap<string, string> = new Map([
  ['bridge', 'bridge, ovs-cni and accelerated-bridge-cni'],
  ['trunk', 'ovs-cni and accelerated-bridge-cni'],
  ['interface_type', 'ovs-cni'],
  ['ofport_request', 'ovs-cni'],
  ['vlanTrunk', 'bridge'],
  ['preserveDefaultVlan', 'bridge'],
  ['isGateway', 'bridge'],
  ['isDefaultGateway', 'bridge'],
  ['forceAddress', 'bridge'],
  ['hairpinMode', 'bridge'],
  ['promiscMode', 'bridge'],
  ['macspoofchk', 'bridge'],
  ['portIsolation', 'bridge'],
  ['ipMasq', 'bridge and ptp'],
  ['master', 'macvlan, ipvlan and vlan'],
  ['mode', 'macvlan and ipvlan'],
  ['linkInContainer', 'macvlan, ipvlan and vlan'],
  ['vlanId', 'vlan'],
  ['device', 'host-device'],
  ['hwaddr', 'host-device'],
  ['kernelpath', 'host-device'],
  ['sysctl', 'tuning'],
  ['promisc', 'tuning'],
  ['allmulti', 'tuning'],
  ['txQLen', 'tuning'],
  ['vrfname', 'vrf'],
  ['rdmaIsolation', 'ib-sriov-cni'],
  ['ibKubernetesEnabled', 'ib-sriov-cni'],
]);

const asPath = (key: string): string => (/^[\w.-]+$/.test(key) ? key : quote(key));

function spelling(config: Json): ConfProblem[] {
  return findMisspelt(config).map(({ key, meant }) => {
    const folded = key.toLowerCase() === meant.toLowerCase();
    const message = folded ? `is taken as ${meant}; write ${meant}` : `is ignored; did you mean ${meant}?`;
    return { path: asPath(key), message };
  });
}

/** Null, "", false and 0 ask for nothing. */
const asks = (value: unknown): boolean => Boolean(value);

function foreign(config: Json): ConfProblem[] {
  return Object.keys(config).flatMap((key) => {
    const whose = foreignKeys.get(key);
    if (whose === undefined || !asks(config[key])) return [];
    return [{ path: key, message: `is ignored: a key of ${whose}` }];
  });
}

/** Keys of a config that do nothing: those that look like ours but aren't, and those of other plugins. */
export function findOddKeys(config: Json): ConfProblem[] {
  return [...spelling(config), ...foreign(config)];
}
