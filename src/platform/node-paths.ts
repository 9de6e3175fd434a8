import type { NodePaths } from './platform.ts';

/** The paths of a usual node. */
export const defaultNodePaths: NodePaths = {
  sysfs: '/sys',
  procfs: '/proc',
  stateDir: '/var/lib/cni/dra-sriov',
  cdiDirs: ['/var/run/cdi', '/etc/cdi'],
  devinfoDir: '/var/run/k8s.cni.cncf.io/devinfo',
  kubeletDir: '/var/lib/kubelet',
  sriovCniDir: '/var/lib/cni/sriov',
  logDir: '/var/log/dra-sriov',
  multusDir: '/var/lib/cni/multus',
  podLogDir: '/var/log/pods',
};

function absolute(variable: string, path: string): string {
  if (!path.startsWith('/') || path.includes('\0')) {
    throw new Error(
      `${variable} is '${path}': it must be an absolute path; set it to one, or unset it for the default`,
    );
  }
  return path;
}

/**
 * The paths of this node: the defaults, with those replaced that DRA_SRIOV_STATE_DIR, DRA_SRIOV_SYSFS,
 * DRA_SRIOV_CDI_DIRS (joined by `:`), DRA_SRIOV_DEVINFO_DIR, DRA_SRIOV_KUBELET_DIR, DRA_SRIOV_SRIOV_CNI_DIR,
 * DRA_SRIOV_LOG_DIR, DRA_SRIOV_MULTUS_DIR and DRA_SRIOV_POD_LOG_DIR name. An empty variable counts as unset. Throws an
 * Error that names the variable if a path is not absolute.
 */
export function nodePathsFrom(environment: Readonly<Record<string, string | undefined>>): NodePaths {
  const pathIn = (variable: string, otherwise: string): string => {
    const value = environment[variable] ?? '';
    return value === '' ? otherwise : absolute(variable, value);
  };
  const cdiDirs = environment['DRA_SRIOV_CDI_DIRS'] ?? '';
  return {
    sysfs: pathIn('DRA_SRIOV_SYSFS', defaultNodePaths.sysfs),
    procfs: defaultNodePaths.procfs,
    stateDir: pathIn('DRA_SRIOV_STATE_DIR', defaultNodePaths.stateDir),
    cdiDirs:
      cdiDirs === ''
        ? defaultNodePaths.cdiDirs
        : cdiDirs.split(':').map((path) => absolute('DRA_SRIOV_CDI_DIRS', path)),
    devinfoDir: pathIn('DRA_SRIOV_DEVINFO_DIR', defaultNodePaths.devinfoDir),
    kubeletDir: pathIn('DRA_SRIOV_KUBELET_DIR', defaultNodePaths.kubeletDir),
    sriovCniDir: pathIn('DRA_SRIOV_SRIOV_CNI_DIR', defaultNodePaths.sriovCniDir),
    logDir: pathIn('DRA_SRIOV_LOG_DIR', defaultNodePaths.logDir),
    multusDir: pathIn('DRA_SRIOV_MULTUS_DIR', defaultNodePaths.multusDir),
    podLogDir: pathIn('DRA_SRIOV_POD_LOG_DIR', defaultNodePaths.podLogDir),
  };
}
