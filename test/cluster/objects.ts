// The objects that a cluster needs before anybody uses it: Multus' kind, the driver's, its class of devices and a
// policy for all VFs.
import { driverName, driverNamespace } from './node.ts';

interface Kind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
}

/** A kind whose fields nobody checks. */
function definition({ group, version, kind, plural, shortNames = [] }: Kind): object {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase(), shortNames },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema } }],
    },
  };
}

export const kinds = [
  definition({
    group: 'k8s.cni.cncf.io',
    version: 'v1',
    kind: 'NetworkAttachmentDefinition',
    plural: 'network-attachment-definitions',
    shortNames: ['net-attach-def'],
  }),
  definition({ group: driverName, version: 'v1alpha1', kind: 'SriovResourcePolicy', plural: 'sriovresourcepolicies' }),
  definition({ group: driverName, version: 'v1alpha1', kind: 'DeviceAttributes', plural: 'deviceattributes' }),
];

const labels = { pool: 'vf' };

export const driverObjects = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: driverNamespace } },
  {
    apiVersion: 'resource.k8s.io/v1',
    kind: 'DeviceClass',
    metadata: { name: driverName },
    spec: { selectors: [{ cel: { expression: `device.driver == '${driverName}'` } }] },
  },
  {
    apiVersion: `${driverName}/v1alpha1`,
    kind: 'DeviceAttributes',
    metadata: { name: 'vf', namespace: driverNamespace, labels },
    spec: { attributes: { 'k8s.cni.cncf.io/resourceName': { string: 'sriov/vf' } } },
  },
  {
    apiVersion: `${driverName}/v1alpha1`,
    kind: 'SriovResourcePolicy',
    metadata: { name: 'all-vfs', namespace: driverNamespace },
    spec: { configs: [{ deviceAttributesSelector: { matchLabels: labels }, resourceFilters: [{}] }] },
  },
];
