import { isJsonObject } from '../cni/json-text.ts';
import { printable, quote, show } from '../lib/quote.ts';
import { checkNetwork, type NetworkRules } from './check-network.ts';
import { error, type Finding, under, warning } from './finding.ts';
import { readJson } from './read-json.ts';

type Json = Readonly<Record<string, unknown>>;

const kind = 'NetworkAttachmentDefinition';
const apiVersion = 'k8s.cni.cncf.io/v1';
export const resourceNameKey = 'k8s.v1.cni.cncf.io/resourceName';

/** A qualified name of Kubernetes: `prefix/name`, or `name` alone as the DRA driver's device-info has it. */
const resourceName = /^([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?$/;
const objectName = /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/;

export function isDefinition(document: unknown): document is Json {
  return isJsonObject(document) && document['kind'] === kind;
}

const objectOrEmpty = (value: unknown): Json => (isJsonObject(value) ? value : {});

function checkMetadata(metadata: Json): Finding[] {
  const { name, annotations } = metadata;
  const findings: Finding[] = [];
  if (typeof name !== 'string' || !objectName.test(name)) {
    findings.push(error('metadata.name', `${show(name)} is not allowed; allowed: a lower-case DNS name`));
  }
  const resource = objectOrEmpty(annotations)[resourceNameKey] ?? '';
  if (resource !== '' && !(typeof resource === 'string' && resourceName.test(resource))) {
    const path = `metadata.annotations[${quote(resourceNameKey)}]`;
    findings.push(
      error(path, `${show(resource)} is not allowed; allowed: a resource name such as "example.com/sriov_nic_1"`),
    );
  }
  return findings;
}

function checkConfig(config: unknown, ourTypes: NetworkRules['ourTypes']): readonly Finding[] {
  if (config === undefined || config === null || config === '') {
    return [warning('', 'missing: Multus will look for a network of this name on the node')];
  }
  if (typeof config !== 'string') return [error('', `${show(config)} is not allowed; allowed: JSON in a string`)];
  const { value, findings } = readJson(config);
  return findings.length > 0 ? findings : checkNetwork(value, { ourTypes, nameNeeded: false });
}

/** Checks a NetworkAttachmentDefinition and the network config in it. */
export function checkDefinition(definition: Json, ourTypes: NetworkRules['ourTypes']): Finding[] {
  const metadata = objectOrEmpty(definition['metadata']);
  const names = [metadata['namespace'], metadata['name']].filter((name) => typeof name === 'string' && name !== '');
  const findings = [
    ...(definition['apiVersion'] === apiVersion
      ? []
      : [error('apiVersion', `${show(definition['apiVersion'])} is not allowed; allowed: "${apiVersion}"`)]),
    ...checkMetadata(metadata),
    ...under('spec.config', ': ', checkConfig(objectOrEmpty(definition['spec'])['config'], ourTypes)),
  ];
  const title = names.length === 0 ? kind : `${kind} ${printable(names.join('/'))}`;
  return under(title, ': ', findings);
}
