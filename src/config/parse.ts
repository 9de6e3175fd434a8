import { CniError } from '../cni/errors.ts';
import type { CniRequest } from '../cni/request.ts';
import { isJsonObject, present } from '../lib/json.ts';
import { describeProblems } from '../lib/json-schema.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import { quote } from '../lib/quote.ts';
import { macAddress } from '../settings/mac.ts';
import { askedBy, settings, type VfSettings } from '../settings/settings.ts';
import { findOddKeys } from './odd-keys.ts';
import type { WireConf } from './schema.ts';
import { type DeviceHint, type PodReference, type SriovConf, uidForm, type VfSelector } from './sriov-conf.ts';
import { type CheckedConf, type ConfProblem, checkConf, checkText } from './wire-conf.ts';

/** The part of the config on stdin that DEL uses; all else is in the attachment record. */
export type DelConf = Pick<SriovConf, 'cniVersion' | 'network' | 'type' | 'ipam' | 'pod'>;

/** Findings about a config. */
export interface ConfReview {
  /** The reasons to refuse it. */
  readonly problems: readonly ConfProblem[];
  readonly warnings: readonly ConfProblem[];
}

/** The last of these MACs counts: `mac`, CNI_ARGS `MAC`, `args.cni.mac`, `runtimeConfig.mac`. */
function toSettings(values: Partial<WireConf>, argsMac: string | undefined): VfSettings {
  const mac = values.runtimeConfig?.mac ?? values.args?.cni?.mac ?? argsMac ?? values.mac;
  const all = present({ ...values, mac });
  return present(Object.assign({}, ...settings.map((setting) => askedBy(setting, all))) as VfSettings);
}

function lowerCase<Text extends string>(texts: readonly string[] | undefined): readonly Text[] | undefined {
  return texts === undefined || texts.length === 0
    ? undefined
    : Object.freeze(texts.map((text) => text.toLowerCase() as Text));
}

function asGiven(texts: readonly string[] | undefined): readonly string[] | undefined {
  return texts === undefined || texts.length === 0 ? undefined : Object.freeze([...texts]);
}

/** An empty list counts as absent, and so does a selector without lists. */
function toSelector(wire: WireConf['vfSelector']): VfSelector | undefined {
  if (wire === undefined) return undefined;
  const selector = present({
    pfNames: asGiven(wire.pfNames),
    pfPciAddresses: lowerCase<PciAddress>(wire.pfPciAddresses),
    vendors: lowerCase(wire.vendors),
    devices: lowerCase(wire.devices),
    drivers: asGiven(wire.drivers),
    linkType: wire.linkType,
  });
  return Object.keys(selector).length === 0 ? undefined : selector;
}

function toDeviceHints(values: Partial<WireConf>): readonly DeviceHint[] {
  const hints: readonly (readonly [DeviceHint['key'], string | undefined])[] = [
    ['runtimeConfig.deviceID', values.runtimeConfig?.deviceID],
    ['deviceID', values.deviceID],
    ['pciBusID', values.pciBusID],
  ];
  return Object.freeze(hints.flatMap(([key, value]) => (value === undefined ? [] : [Object.freeze({ key, value })])));
}

type Args = Readonly<Record<string, string>>;

interface PodArg {
  readonly arg: string;
  readonly key: keyof PodReference;
  readonly form: RegExp;
  readonly allowed: string;
}

const podArgs: readonly PodArg[] = [
  {
    arg: 'K8S_POD_NAMESPACE',
    key: 'namespace',
    form: /^[A-Za-z0-9._-]{1,253}$/,
    allowed: 'up to 253 of A-Z a-z 0-9 . _ -',
  },
  { arg: 'K8S_POD_NAME', key: 'name', form: /^[A-Za-z0-9._-]{1,253}$/, allowed: 'up to 253 of A-Z a-z 0-9 . _ -' },
  { arg: 'K8S_POD_UID', key: 'uid', form: uidForm.form, allowed: uidForm.allowed },
];

/** What is wrong with the names of the pod in CNI_ARGS. An empty value counts as absent. */
function checkPod(args: Args): ConfProblem[] {
  return podArgs.flatMap(({ arg, form, allowed }) => {
    const value = args[arg] ?? '';
    if (value === '' || form.test(value)) return [];
    return [{ path: `CNI_ARGS ${arg}`, message: `${quote(value)} is not allowed; allowed: ${allowed}` }];
  });
}

/** The pod that CNI_ARGS names, or null. To be called only if checkPod has found nothing. */
function podOf(args: Args): PodReference | null {
  const named = podArgs.flatMap(({ arg, key }) => (args[arg] ? [[key, args[arg]]] : []));
  return named.length === 0 ? null : Object.freeze(Object.fromEntries(named) as PodReference);
}

/** The error for all that is wrong with a config: code 2 if only keys of other plugins are wrong, else 7. */
function refuse(network: string, problems: readonly ConfProblem[]): CniError {
  const unsupported = problems.every((problem) => problem.unsupported === true);
  return new CniError(
    unsupported ? 'unsupportedField' : 'invalidConfig',
    `${unsupported ? 'unsupported' : 'invalid'} network config ${quote(network)}: ${describeProblems(problems)}`,
  );
}

/**
 * Reads the config of ADD or CHECK. The result is frozen. Throws CniError unsupportedField (2) if only keys of other
 * plugins are wrong, else invalidConfig (7); its message lists every problem with key, value and what is allowed.
 */
export function parseConf(request: CniRequest): SriovConf {
  const { config, args, cniVersion, network } = request;
  const { values, problems } = checkConf(config);
  const argsMac = args['MAC'] === '' ? undefined : args['MAC'];
  const argsProblems = [
    ...(argsMac === undefined ? [] : checkText('CNI_ARGS MAC', argsMac, macAddress)),
    ...checkPod(args),
  ];
  if (problems.length + argsProblems.length > 0) throw refuse(network, [...problems, ...argsProblems]);
  return present({
    cniVersion,
    network,
    type: values.type ?? '',
    deviceHints: toDeviceHints(values),
    deviceInfoFile: values.runtimeConfig?.CNIDeviceInfoFile,
    resourceName: values.resourceName,
    vfSelector: toSelector(values.vfSelector),
    settings: toSettings(values, argsMac),
    ipam: values.ipam === undefined ? null : Object.freeze({ type: values.ipam.type }),
    pod: podOf(args),
    warnings: Object.freeze(findOddKeys(config).map((odd) => Object.freeze(odd))),
  });
}

/** All that is wrong or odd about a network config by itself, in the order of its keys. Throws nothing. */
export function reviewConf(config: unknown): ConfReview {
  const { problems, logProblems }: CheckedConf = checkConf(config);
  return { problems, warnings: [...logProblems, ...(isJsonObject(config) ? findOddKeys(config) : [])] };
}

/**
 * Reads what DEL needs. A wrong value counts as absent, because DEL must work even if the config was edited badly
 * since. Throws nothing.
 */
export function parseDelConf(request: CniRequest): DelConf {
  const { config, args, cniVersion, network } = request;
  const { values } = checkConf(config);
  return present({
    cniVersion,
    network,
    type: values.type ?? '',
    ipam: values.ipam === undefined ? null : Object.freeze({ type: values.ipam.type }),
    pod: checkPod(args).length > 0 ? null : podOf(args),
  });
}
