import { supportedVersions } from '../cni/versions.ts';

export const programName = 'dra-sriov';

/** That of package.json; a test compares them. */
export const programVersion = '0.1.0';

/** What CNI plugins say when they are run by hand (libcni's skel). */
export const aboutText = `CNI plugin ${programName} v${programVersion}\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`;
