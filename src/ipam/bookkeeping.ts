/**
 * IPAM plugins that look at no interface and no namespace, by their source (cmdAdd and cmdDel of each): they hand out
 * addresses from a file, the config, etcd, the Kubernetes API, or a daemon that does. spiderpool is not among them: its
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
 * Whether a plugin may need the interface, as dhcp does, which asks a server through it: true of all that aren't known
 * for bookkeepers. It runs while the interface is in the pod and up. A bookkeeper's address is released only when the
 * VF has left: nobody gets it twice.
 */
export function usesInterface(type: string): boolean {
  return !bookkeepers.has(type);
}

/** An IPAM plugin may ask a server (dhcp); CNI runtimes give up on all of us after about two minutes. */
export const usualTimeLimitMs = 60_000;

/** Set for every plugin that this one starts. */
export const delegationMark = 'DRA_SRIOV_DELEGATED';
