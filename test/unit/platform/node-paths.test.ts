import { defaultNodePaths, nodePathsFrom } from '../../../src/platform/node-paths.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('platform/node-paths');

test('without variables, and with empty ones, the defaults hold', () => {
  assert.equal(nodePathsFrom({}), defaultNodePaths);
  assert.equal(
    nodePathsFrom({ DRA_SRIOV_SYSFS: '', DRA_SRIOV_CDI_DIRS: '', DRA_SRIOV_STATE_DIR: undefined }),
    defaultNodePaths,
  );
});

test('every variable replaces its path', () => {
  const paths = nodePathsFrom({
    DRA_SRIOV_SYSFS: '/t/sys',
    DRA_SRIOV_STATE_DIR: '/t/state',
    DRA_SRIOV_CDI_DIRS: '/t/cdi:/u/cdi',
    DRA_SRIOV_DEVINFO_DIR: '/t/devinfo',
    DRA_SRIOV_KUBELET_DIR: '/t/kubelet',
    DRA_SRIOV_SRIOV_CNI_DIR: '/t/sriov',
    DRA_SRIOV_LOG_DIR: '/t/log',
    DRA_SRIOV_MULTUS_DIR: '/t/multus',
    DRA_SRIOV_POD_LOG_DIR: '/t/pods',
  });
  assert.equal(paths, {
    sysfs: '/t/sys',
    procfs: '/proc',
    stateDir: '/t/state',
    cdiDirs: ['/t/cdi', '/u/cdi'],
    devinfoDir: '/t/devinfo',
    kubeletDir: '/t/kubelet',
    sriovCniDir: '/t/sriov',
    logDir: '/t/log',
    multusDir: '/t/multus',
    podLogDir: '/t/pods',
  });
});

test('a relative path is refused with the name of its variable', () => {
  for (const variable of [
    'SYSFS',
    'STATE_DIR',
    'CDI_DIRS',
    'DEVINFO_DIR',
    'KUBELET_DIR',
    'LOG_DIR',
    'MULTUS_DIR',
    'POD_LOG_DIR',
  ]) {
    const name = `DRA_SRIOV_${variable}`;
    throws(() => nodePathsFrom({ [name]: 'relative/path' }), 'Error', name, 'relative/path');
  }
  throws(() => nodePathsFrom({ DRA_SRIOV_CDI_DIRS: '/a::/b' }), 'Error', 'DRA_SRIOV_CDI_DIRS');
});
