/**
 * IPAM plugins that look at no interface and no namespace, by their source (cmdAdd and cmdDel of each): they hand out
 * addresses from a file, the config, etcd, the Kubernetes API, or a daemon. spiderpool is not among them, because its
 * agent looks for duplicates in the pod.
 */
const bookkeepers: ReadonlySet<string> = new Set([
  'calico-ipam',
  'host-local',
  'kube-ipam',
  'nv-ipam',
  'static',
  'whereabouts',
]);

/**
 * Whether a plugin may need the interface, as dhcp does, which asks a server through it; true of all that aren't known
 * as bookkeepers. Such a plugin runs while the interface is in the pod and up. A bookkeeper's address is released only
 * when the VF has left, so that no two pods have it.
 */
export function usesInterface(type: string): boolean {
  return !bookkeepers.has(type);
}

/** Long enough for a plugin that asks a server (dhcp). CNI runtimes give up after about two minutes. */
export const usualTimeLimitMs = 60_000;

/** Set for every plugin that this one starts. */
export const delegationMark = 'DRA_SRIOV_DELEGATED';
