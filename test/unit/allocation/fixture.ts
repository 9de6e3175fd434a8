import { parse } from 'yaml';
import {
  type AllocationAsk,
  type Explanation,
  explainAllocation,
  type Resolution,
  resolveVf,
} from '../../../src/allocation/resolve.ts';
import type { ErrorName } from '../../../src/cni/errors.ts';
import type { SriovConf } from '../../../src/config/sriov-conf.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../support/memory-platform.ts';
import { throws } from '../../support/throws.ts';

export const podUid = '6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';
export const otherPodUid = '7b3e9b1d-22bb-4d68-8e6f-4a2c1b8d0f12';
export const claimA = 'aaaaaaaa-0000-4000-8000-00000000000a';
export const claimB = 'bbbbbbbb-0000-4000-8000-00000000000b';
export const vf1 = '0000:3b:02.1' as PciAddress;
export const vf2 = '0000:3b:02.3' as PciAddress;
export const vf3 = '0000:5e:10.2' as PciAddress;

export const vendors = [
  { kind: 'sriovnetwork.k8snetworkplumbingwg.io/vf', variable: 'SRIOVNETWORK_VF_DEVICE_' },
  { kind: 'sriovnetwork.openshift.io/vf', variable: 'SRIOVNETWORK_VF_DEVICE_' },
  { kind: 'virtualfunction.sriovnetwork.openshift.io/nic', variable: 'VF_DEVICE_' },
] as const;

export type Vendor = (typeof vendors)[number];
export type Extension = 'yaml' | 'json';
type Files = Readonly<Record<string, string>>;

export const dashed = (pci: string): string => pci.replace(/[:.]/g, '-');

export function specPath(
  uid: string,
  vendor: Vendor = vendors[0],
  extension: Extension = 'yaml',
  dir = '/var/run/cdi',
): string {
  return `${dir}/${vendor.kind.replace('/', '-')}_${uid}.${extension}`;
}

function specText(
  kind: string,
  devices: readonly (readonly [name: string, env: readonly string[]])[],
  extension: Extension,
): string {
  if (extension === 'json') {
    return JSON.stringify({
      cdiVersion: '0.5.0',
      kind,
      devices: devices.map(([name, env]) => ({ name, containerEdits: { env } })),
    });
  }
  const lines = devices.flatMap(([name, env]) => [
    `    - name: ${name}`,
    '      containerEdits:',
    '        env:',
    ...env.map((entry) => `            - ${entry}`),
  ]);
  return ['---', 'cdiVersion: 0.5.0', `kind: ${kind}`, 'devices:', ...lines, ''].join('\n');
}

/** The per-pod spec as the driver writes it. */
export function podSpec(
  addresses: readonly string[],
  {
    uid = podUid,
    vendor = vendors[0],
    extension = 'yaml' as Extension,
    path = '',
    dir = '/var/run/cdi',
  }: {
    uid?: string;
    vendor?: Vendor;
    extension?: Extension;
    path?: string;
    dir?: string;
  } = {},
): Files {
  const text = specText(vendor.kind, [[uid, [`SRIOVNETWORK_PCI_ADDRESSES=${addresses.join(',')}`]]], extension);
  return { [path === '' ? specPath(uid, vendor, extension, dir) : path]: text };
}

/** A per-claim spec as the driver writes it: each VF with the NAD that its claim names. */
export function claimSpec(
  claim: string,
  networks: Readonly<Record<string, string>>,
  {
    vendor = vendors[0],
    extension = 'yaml' as Extension,
    path = '',
  }: { vendor?: Vendor; extension?: Extension; path?: string } = {},
): Files {
  const devices = Object.entries(networks).map(([pci, nad]): readonly [string, readonly string[]] => [
    `${claim}-${dashed(pci)}`,
    [`${vendor.variable}${dashed(pci).replaceAll('-', '_')}=${pci}`, `SRIOVNETWORK_NET_ATTACH_DEF_NAME=${nad}`],
  ]);
  return { [path === '' ? specPath(claim, vendor, extension) : path]: specText(vendor.kind, devices, extension) };
}

export interface CheckpointDevice {
  readonly claim: string;
  readonly pci: string;
  readonly nad?: string;
  readonly resource?: string;
  /** `cdi_device_ids`, which older drivers did not keep. */
  readonly cdiDevices?: readonly string[];
}

export const checkpointPath = '/var/lib/kubelet/plugins/sriovnetwork.k8snetworkplumbingwg.io/checkpoint.json';

export function checkpoint(devices: readonly CheckpointDevice[], uid = podUid, path = checkpointPath): Files {
  const claims: Record<string, unknown[]> = {};
  for (const { claim, pci, nad = '', resource = '', cdiDevices } of devices) {
    claims[claim] ??= [];
    claims[claim].push({
      Device: { device_name: dashed(pci), cdi_device_ids: cdiDevices },
      ContainerEdits: { env: [`SRIOVNETWORK_NET_ATTACH_DEF_NAME=${nad}`] },
      PciAddress: pci,
      MultusDeviceID: pci,
      MultusResourceName: resource,
      PodUID: uid,
    });
  }
  return { [path]: JSON.stringify({ checksum: 1, v1: { preparedClaimsByPodUID: { [uid]: claims } } }) };
}

export function deviceInfo(resource: string, device: string, pci = device): Files {
  const path = `/var/run/k8s.cni.cncf.io/devinfo/dp/${resource.replaceAll('/', '-')}-${device}-device.json`;
  return { [path]: JSON.stringify({ type: 'pci', version: '1.1.0', pci: { 'pci-address': pci } }) };
}

export interface AskOptions
  extends Partial<Pick<SriovConf, 'deviceHints' | 'deviceInfoFile' | 'resourceName' | 'vfSelector' | 'pod'>> {
  readonly network?: string;
  readonly held?: Readonly<Record<string, string>>;
  readonly deviceID?: string;
}

export function ask({ network = 'vf-test1', held = {}, deviceID, ...conf }: AskOptions = {}): AllocationAsk {
  return {
    network,
    held: new Map(Object.entries(held) as [PciAddress, string][]),
    conf: {
      cniVersion: '1.0.0',
      network,
      type: 'sriov',
      deviceHints: deviceID === undefined ? [] : [{ key: 'deviceID', value: deviceID }],
      settings: {},
      ipam: null,
      pod: { namespace: 'vf-test8', name: 'pod0', uid: podUid },
      warnings: [],
      ...conf,
    },
  };
}

export function platformOf(...files: readonly Files[]): MemoryPlatform {
  return createMemoryPlatform({ files: Object.assign({}, ...files) });
}

export function resolve(platform: Platform, options: AskOptions = {}): Resolution {
  return resolveVf({ platform, parseYaml: parse }, ask(options));
}

export function explain(platform: Platform, options: AskOptions = {}): Explanation {
  return explainAllocation({ platform, parseYaml: parse }, ask(options));
}

/** Asserts that the search fails with this error, which names the tokens. */
export function refuses(platform: Platform, options: AskOptions, name: ErrorName, ...tokens: readonly string[]): void {
  throws(() => resolve(platform, options), name, ...tokens);
}

/** The VFs of a pod's attachments, in annotation order. Those before it hold theirs while one is resolved. */
export function attachAll(
  platform: Platform,
  networks: readonly string[],
  options: AskOptions = {},
): readonly string[] {
  const held: Record<string, string> = {};
  return networks.map((network, index) => {
    const { pci } = resolve(platform, { ...options, network, held: { ...held } });
    held[pci] = `net${index + 1}`;
    return pci;
  });
}
