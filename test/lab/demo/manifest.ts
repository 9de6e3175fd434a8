import { readManifest } from '../../support/manifest.ts';

const file = 'multus-multiple-vf.yaml';

export interface DemoManifest {
  readonly path: string;
  readonly namespace: string;
  readonly network: string;
  /** The NAD's config, as it stands in the file. */
  readonly config: string;
  /** The pod's annotation. */
  readonly annotation: string;
}

/** Reads the example of the demo, which a user would apply. */
export function readDemoManifest(): DemoManifest {
  const { networks, namespace, pod } = readManifest(file);
  const [nad] = networks;
  const annotation = pod.metadata.annotations['k8s.v1.cni.cncf.io/networks'];
  if (nad === undefined || annotation === undefined) throw new Error(`${file} is not the demo's manifest`);
  return { path: `conf-examples/${file}`, namespace, network: nad.metadata.name, config: nad.spec.config, annotation };
}
