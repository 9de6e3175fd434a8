import { supportedVersions } from '../cni/versions.ts';
import { version } from '../version.ts';

export const programName = 'dra-sriov';

/** What CNI plugins say when they are run by hand (libcni's skel). */
export const aboutText = `CNI plugin ${programName} v${version}\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`;
