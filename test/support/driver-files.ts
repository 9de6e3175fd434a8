// Files that the DRA driver and device plugins leave on a node for CNI plugins.

const driver = 'sriovnetwork.k8snetworkplumbingwg.io';

export interface DriverFile {
  readonly name: string;
  readonly text: string;
}

/** A VF of a claim: its PCI address and the network that the claim names for it, '' for any. */
export type ClaimedVf = readonly [pci: string, network: string];

/** The DRA driver's name of a VF. */
export const deviceNameOf = (pci: string): string => pci.replaceAll(/[:.]/g, '-');

/** The name of a VF in a claim's CDI spec. */
export function claimDeviceName(claimUid: string, pci: string): string {
  return `${claimUid}-${deviceNameOf(pci)}`;
}

function spec(uid: string, devices: readonly (readonly [name: string, env: readonly string[]])[]): DriverFile {
  const lines = devices.flatMap(([name, env]) => [
    `    - name: ${name}`,
    '      containerEdits:',
    '        env:',
    ...env.map((entry) => `            - ${entry}`),
  ]);
  const text = ['---', 'cdiVersion: 0.5.0', `kind: ${driver}/vf`, 'devices:', ...lines, ''].join('\n');
  return { name: `${driver}-vf_${uid}.yaml`, text };
}

/** The CDI spec of a pod, with all its VFs. */
export function podSpecFile(podUid: string, pcis: readonly string[]): DriverFile {
  return spec(podUid, [[podUid, [`SRIOVNETWORK_PCI_ADDRESSES=${pcis.join(',')}`]]]);
}

/** The CDI spec of a claim, which tells each VF's network. */
export function claimSpecFile(claimUid: string, vfs: readonly ClaimedVf[]): DriverFile {
  const devices = vfs.map(([pci, network]) => {
    const variable = `SRIOVNETWORK_VF_DEVICE_${deviceNameOf(pci).replaceAll('-', '_')}`;
    return [
      claimDeviceName(claimUid, pci),
      [`${variable}=${pci}`, `SRIOVNETWORK_NET_ATTACH_DEF_NAME=${network}`],
    ] as const;
  });
  return spec(claimUid, devices);
}

/** A VF's device-info file, in the folder `dp`. */
export function deviceInfoFile(resourceName: string, pci: string): DriverFile {
  const info = { type: 'pci', version: '1.1.0', pci: { 'pci-address': pci } };
  return { name: `${resourceName.replaceAll('/', '-')}-${pci}-device.json`, text: JSON.stringify(info) };
}
