import { isJsonObject, type Json } from '../../lib/json.ts';
import { quote, show } from '../../lib/quote.ts';
import { error, type Finding, type Path, under, warning } from './finding.ts';
import { at, claimSpecs, type Manifest, networksKey, resourceNameKey, textAt, titleOf, workloads } from './objects.ts';
import { checkKeys, meantBy } from './spelling.ts';

const kinds = [
  ...Object.keys(workloads),
  ...Object.keys(claimSpecs),
  'NetworkAttachmentDefinition',
  'DeviceAttributes',
  'SriovResourcePolicy',
  'DeviceClass',
  'List',
];

/** Other kinds whose names look like ours. */
const otherKinds: ReadonlySet<string> = new Set([
  'ResourceSlice',
  'PodList',
  'NodeList',
  'JobSet',
  'Job',
  'PodTemplate',
  'PodGroup',
  'JobList',
  'Node',
]);

function checkKind({ kind, object }: Manifest): Finding[] {
  const { apiVersion } = object;
  if (kinds.includes(kind) || otherKinds.has(kind)) return [];
  const isOurs =
    /^(k8s\.cni\.cncf\.io|resource\.k8s\.io|sriovnetwork\.|apps|batch)\//.test(String(apiVersion)) ||
    apiVersion === 'v1';
  const meant = isOurs ? (meantBy(kind, kinds) ?? meantBy(kind.replace(/s$/i, ''), kinds)) : null;
  if (meant === null) return [];
  return [error('kind', `${quote(kind)} is no kind of ${show(apiVersion)}; did you mean ${meant}?`, { fix: meant })];
}

const groups: Readonly<Record<string, readonly string[]>> = {
  Deployment: ['apps/v1'],
  StatefulSet: ['apps/v1'],
  ReplicaSet: ['apps/v1'],
  DaemonSet: ['apps/v1'],
  Pod: ['v1'],
  Job: ['batch/v1'],
  CronJob: ['batch/v1'],
  ResourceClaim: ['resource.k8s.io/v1', 'resource.k8s.io/v1beta2', 'resource.k8s.io/v1beta1'],
  ResourceClaimTemplate: ['resource.k8s.io/v1', 'resource.k8s.io/v1beta2', 'resource.k8s.io/v1beta1'],
};

function checkVersion({ kind, object: { apiVersion } }: Manifest): Finding[] {
  const allowed = groups[kind];
  if (allowed === undefined || allowed.includes(String(apiVersion))) return [];
  const meant = apiVersion === undefined ? null : (meantBy(String(apiVersion), allowed) ?? allowed[0] ?? null);
  const place = meant === null ? {} : { fix: meant };
  return [
    error('apiVersion', `${show(apiVersion)} is not allowed; allowed for a ${kind}: ${allowed.join(', ')}`, place),
  ];
}

/** Checks keys of metadata.annotations that look like those that Multus reads. */
function checkAnnotationKeys(annotations: unknown, key: string): Finding[] {
  if (!isJsonObject(annotations)) return [];
  return Object.keys(annotations).flatMap((written) => {
    const [, name = ''] = /^k8s\.(?:v\d\w*\.)?cni\.cncf\.io\/(.+)$/.exec(written) ?? [];
    const known = [
      networksKey,
      resourceNameKey,
      'k8s.v1.cni.cncf.io/network-status',
      'k8s.v1.cni.cncf.io/networks-status',
    ];
    if (known.includes(written) || name === '' || key in annotations) return [];
    if (meantBy(name, [key.replace(/^.*\//, '')]) === null) return [];
    return [
      error('', `${quote(written)} is ignored; did you mean ${quote(key)}?`, { at: [written], on: 'key', fix: key }),
    ];
  });
}

/** Checks the place of annotations: Multus reads those of pods, so in a workload those of its template. */
function checkAnnotations(manifest: Manifest): Finding[] {
  const workload = workloads[manifest.kind];
  if (workload === undefined) return [];
  const template = [...workload.pod, 'metadata'];
  const own = at(manifest.object, 'metadata', 'annotations', networksKey);
  const isMisplaced =
    workload.pod.length > 0 &&
    own !== undefined &&
    at(manifest.object, ...template, 'annotations', networksKey) === undefined;
  const where = `${[...template, 'annotations'].join('.')}`;
  const label = at(manifest.object, ...template, 'labels', networksKey);
  return [
    ...(isMisplaced
      ? [
          error(
            networksKey,
            `is on the ${manifest.kind}, where nobody reads it; Multus reads the pod’s: move it to ${where}`,
            { at: ['metadata', 'annotations', networksKey], on: 'key' },
          ),
        ]
      : []),
    ...(label === undefined
      ? []
      : [
          error(networksKey, `is a label, where nobody reads it; move it to ${where}`, {
            at: [...template, 'labels', networksKey],
            on: 'key',
          }),
        ]),
    ...under(where, ': ', checkAnnotationKeys(at(manifest.object, ...template, 'annotations'), networksKey), [
      ...template,
      'annotations',
    ]),
  ];
}

const podClaimKeys = ['name', 'resourceClaimName', 'resourceClaimTemplateName'];

function checkPodClaims(manifest: Manifest): Finding[] {
  const workload = workloads[manifest.kind];
  if (workload === undefined) return [];
  const spec = [...workload.pod, 'spec'];
  const claims = at(manifest.object, ...spec, 'resourceClaims');
  if (!Array.isArray(claims)) return [];
  return claims.flatMap((claim: unknown, index) => {
    if (!isJsonObject(claim)) return [];
    const path: Path = [...spec, 'resourceClaims', index];
    const findings = checkKeys(claim, podClaimKeys, 'a claim of a pod');
    const both = claim['resourceClaimName'] !== undefined && claim['resourceClaimTemplateName'] !== undefined;
    const none = !both && claim['resourceClaimName'] === undefined && claim['resourceClaimTemplateName'] === undefined;
    if (both)
      findings.push(error('', 'has both resourceClaimName and resourceClaimTemplateName; allowed: one of them'));
    if (none && findings.every(({ fix }) => fix === undefined))
      findings.push(error('', 'needs resourceClaimName or resourceClaimTemplateName'));
    return under(`resourceClaims[${index}]`, '.', findings, path);
  });
}

/** Keys of a request in resource.k8s.io/v1beta1, and of `exactly` in v1. */
const exactKeys = ['deviceClassName', 'selectors', 'allocationMode', 'count', 'adminAccess', 'tolerations', 'capacity'];
const requestKeys = ['name', 'exactly', 'firstAvailable'];
const modes = ['ExactCount', 'All'];

function checkExact(exact: Json, known: readonly string[]): Finding[] {
  const { count, allocationMode, deviceClassName } = exact;
  const findings = checkKeys(exact, known, 'a request');
  if (typeof count === 'string' && /^\d+$/.test(count)) {
    findings.push(error('count', `${show(count)} is a text; write the number ${count}`, { fix: Number(count) }));
  } else if (count !== undefined && !(typeof count === 'number' && Number.isInteger(count) && count > 0)) {
    findings.push(error('count', `${show(count)} is not allowed; allowed: an integer from 1`));
  }
  if (allocationMode !== undefined && !modes.includes(String(allocationMode))) {
    const meant = meantBy(String(allocationMode), modes);
    findings.push(
      error(
        'allocationMode',
        `${show(allocationMode)} is not allowed; allowed: ${modes.join(', ')}`,
        meant === null ? {} : { fix: meant },
      ),
    );
  }
  if (allocationMode === 'All' && count !== undefined)
    findings.push(error('count', 'is not allowed with allocationMode: All'));
  if (deviceClassName === undefined && !findings.some(({ fix }) => fix === 'deviceClassName')) {
    findings.push(error('deviceClassName', 'missing; a request needs one', { at: [] }));
  }
  return findings;
}

/** v1beta1 has in the request itself what v1 and v1beta2 have in `exactly`. Each version ignores the other's form. */
function checkRequest(request: Json, apiVersion: unknown): Finding[] {
  const isFlat = apiVersion === 'resource.k8s.io/v1beta1' || apiVersion === 'resource.k8s.io/v1alpha3';
  const { exactly, firstAvailable } = request;
  if (isFlat) {
    const other = 'resource.k8s.io/v1';
    if (exactly === undefined)
      return Array.isArray(firstAvailable) ? [] : checkExact(request, ['name', 'firstAvailable', ...exactKeys]);
    return [
      error(
        'exactly',
        `is of ${other}; ${String(apiVersion)} has its keys in the request itself: write apiVersion: ${other}`,
        { on: 'key' },
      ),
    ];
  }
  const flat = exactKeys.find((key) => key in request);
  if (exactly === undefined && flat !== undefined) {
    return [
      error(
        flat,
        `is of resource.k8s.io/v1beta1; ${String(apiVersion)} has it in exactly: put the request’s keys but name below exactly:`,
        { on: 'key' },
      ),
    ];
  }
  const findings = checkKeys(request, requestKeys, 'a request');
  if (isJsonObject(exactly))
    return [...findings, ...under('exactly', '.', checkExact(exactly, exactKeys), ['exactly'])];
  return findings.some(({ fix }) => fix !== undefined) || Array.isArray(firstAvailable)
    ? findings
    : [...findings, error('', 'needs exactly or firstAvailable')];
}

/** pkg/api/virtualfunction/v1alpha1 of dra-driver-sriov */
const vfConfigKeys = [
  'apiVersion',
  'kind',
  'driver',
  'addVhostMount',
  'ifName',
  'netAttachDefName',
  'netAttachDefNamespace',
];

function checkClaimConfig(config: Json, requests: readonly unknown[]): Finding[] {
  const parameters = at(config, 'opaque', 'parameters');
  const named = config['requests'];
  const findings = checkKeys(config, ['requests', 'opaque'], 'a config of a claim');
  const isOurs = /sriov/.test(String(at(config, 'opaque', 'driver')));
  if (Array.isArray(named)) {
    for (const [index, name] of named.entries()) {
      const request = String(name).split('/')[0] ?? '';
      if (requests.includes(request)) continue;
      const meant = meantBy(request, requests.map(String));
      findings.push(
        error(
          `requests[${index}]`,
          `no request is called ${show(name)}; there are: ${requests.join(', ')}`,
          meant === null ? {} : { fix: meant },
        ),
      );
    }
  }
  if (isOurs && isJsonObject(parameters)) {
    findings.push(
      ...under('opaque.parameters', '.', checkKeys(parameters, vfConfigKeys, 'VfConfig'), ['opaque', 'parameters']),
    );
    if (parameters['kind'] !== 'VfConfig')
      findings.push(
        error('opaque.parameters.kind', `${show(parameters['kind'])} is not allowed; allowed: VfConfig`, {
          fix: 'VfConfig',
        }),
      );
  }
  return findings;
}

function checkClaim(manifest: Manifest): Finding[] {
  const spec = claimSpecs[manifest.kind];
  if (spec === undefined) return [];
  const path = [...spec, 'devices'];
  const devices = at(manifest.object, ...path);
  if (!isJsonObject(devices)) return [error([...path].join('.'), 'missing; a claim needs devices')];
  const { requests, config } = devices;
  const all = Array.isArray(requests) ? requests : [];
  const names = all.flatMap((request) => textAt(request, 'name') ?? []);
  const findings = checkKeys(devices, ['requests', 'constraints', 'config'], 'a claim');
  return under(
    path.join('.'),
    '.',
    [
      ...findings,
      ...all.flatMap((request: unknown, index) =>
        isJsonObject(request)
          ? under(`requests[${index}]`, '.', checkRequest(request, manifest.object['apiVersion']), ['requests', index])
          : [],
      ),
      ...(Array.isArray(config) ? config : []).flatMap((one: unknown, index) =>
        isJsonObject(one) ? under(`config[${index}]`, '.', checkClaimConfig(one, names), ['config', index]) : [],
      ),
    ],
    path,
  );
}

/**
 * Warns if the definition's name differs from the config's, because Multus takes the config's, by which store and
 * claims are looked up.
 */
export function checkName(definition: string, config: Json): Finding[] {
  const { name } = config;
  if (typeof name !== 'string' || name === '' || definition === '' || name === definition) return [];
  const message = `${quote(name)} is not the definition’s name, ${quote(definition)}; claims and IPAM go by the config’s`;
  return [warning('name', message, { fix: definition })];
}

/** Checks one object by itself, whatever its kind. */
export function checkManifest(manifest: Manifest): Finding[] {
  const findings = [
    ...checkKind(manifest),
    ...checkVersion(manifest),
    ...checkAnnotations(manifest),
    ...checkPodClaims(manifest),
    ...checkClaim(manifest),
  ];
  return under(titleOf(manifest), ': ', findings, []);
}
