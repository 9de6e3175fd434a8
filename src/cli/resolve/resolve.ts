import { DriverFiles } from '../../allocation/driver-files.ts';
import { type Explanation, explainAllocation } from '../../allocation/resolve.ts';
import { Search } from '../../allocation/search.ts';
import { isInterfaceName } from '../../cni/environment.ts';
import { type CniError, explain, isCniError } from '../../cni/errors.ts';
import { parseConf } from '../../config/parse.ts';
import { type SriovConf, uidForm } from '../../config/sriov-conf.ts';
import type { Json } from '../../lib/json.ts';
import type { PciAddress } from '../../lib/pci-address.ts';
import { printable, quote } from '../../lib/quote.ts';
import { allocationNode } from '../node/context.ts';
import { type KeptRecord, madeUpRequest, readRecords } from '../node/records.ts';
import { complain, type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { type NetworkConfig, readNetworkFile } from './network-file.ts';
import { describePlan, type Plan, prospectsOf } from './plan.ts';

interface ResolveOptions {
  readonly podUid: string;
  /** Names separated by commas, one for each attachment, as in the pod's annotation. */
  readonly network?: string;
  readonly ifname?: string;
  /** A file with a network config. */
  readonly config?: string;
  readonly json?: boolean;
}

/** The request of an ADD for one network. */
export interface Ask {
  readonly network: string;
  readonly ifname: string;
  readonly conf: SriovConf;
}

/** Stands for a network of any name, if no claim of the pod names one. */
const anyNetwork = 'any';

/**
 * `resolve --pod-uid U`: which VF each ADD of the pod would take and why, by the plugin's own search. Takes several
 * networks in their order, each with what those before it have taken. If none is named, they are those that the pod is
 * attached to, or else those that its claims name. Changes nothing, takes no lock.
 */
export function resolve(tool: Tool, options: ResolveOptions): ExitCode {
  const records = readRecords(tool.platform).records.filter(({ record }) => record.pod?.uid === options.podUid);
  let asks: readonly Ask[];
  try {
    asks = readAsks(tool, options, records);
  } catch (thrown) {
    complain(tool, explain(thrown));
    return exitCodes.wrong;
  }
  const plans = planAll(tool, asks, records);
  const isFine = plans.every(({ outcome, prospects }) => outcome.found !== null && prospects.obstacle === null);
  if (options.json) printJson(tool, { podUid: options.podUid, plans: plans.map(planJson) });
  else tool.platform.writeStdout(plans.map((plan) => describePlan(tool.style, options.podUid, plan)).join('\n'));
  if (!isFine && !options.json) suggestPods(tool, options.podUid);
  return isFine ? exitCodes.fine : exitCodes.wrong;
}

function readAsks(tool: Tool, options: ResolveOptions, records: readonly KeptRecord[]): readonly Ask[] {
  const { ifname } = options;
  if (!uidForm.form.test(options.podUid)) {
    const advice = 'kubectl get pod NAME -o jsonpath={.metadata.uid} tells it; explain takes names, too';
    throw new Error(`--pod-uid ${quote(options.podUid)} is not allowed; allowed: ${uidForm.allowed}; ${advice}`);
  }
  const file = options.config === undefined ? null : configsOf(tool, options.config);
  if (options.network === undefined && file === null && ifname === undefined && records.length > 0) {
    return records.map(({ key }) => ({
      network: key.network,
      ifname: key.ifname,
      conf: confOf(options.podUid, key.network, { type: 'dra-sriov' }),
    }));
  }
  const names = networkNames(tool, options, file);
  if (ifname !== undefined && !isInterfaceName(ifname))
    throw new Error(`--ifname ${quote(ifname)} is no name of an interface`);
  if (ifname !== undefined && names.length > 1) {
    throw new Error(
      `--ifname is for one network; these are ${names.length}: ${names.map((name) => printable(name)).join(', ')}`,
    );
  }
  return names.map((network, at) => {
    const config = file === null ? { type: 'dra-sriov' } : pickNetwork(file, network, options.config ?? '').config;
    return { network, ifname: ifname ?? `net${at + 1}`, conf: confOf(options.podUid, network, config) };
  });
}

function configsOf(tool: Tool, path: string): readonly NetworkConfig[] {
  try {
    return readNetworkFile(tool, path);
  } catch (thrown) {
    throw new Error(`${printable(path)}: ${explain(thrown)}`);
  }
}

function pickNetwork(file: readonly NetworkConfig[], network: string, path: string): NetworkConfig {
  const named = file.find(({ name }) => name === network) ?? file.find(({ name }) => name === null);
  if (named !== undefined) return named;
  const names = file.map(({ name }) => printable(name ?? '')).join(', ');
  throw new Error(`${printable(path)} holds no network ${quote(network)}; there are: ${names}`);
}

/** The networks that were asked for, else those in the file, else those that the pod's claims name. */
function networkNames(tool: Tool, options: ResolveOptions, file: readonly NetworkConfig[] | null): readonly string[] {
  const given = options.network?.split(',').map((name) => name.trim().replace(/^.*\//, '').replace(/@.*$/, ''));
  const asked = given?.filter((name) => name !== '') ?? [];
  if (asked.length > 0) return asked;
  const inFile = file?.map(({ name }) => name ?? anyNetwork) ?? [];
  if (inFile.length > 0) return inFile;
  return namedByClaims(tool, options.podUid);
}

/** The networks that a pod's claims name, or else one of any name. */
export function namedByClaims(tool: Tool, podUid: string): readonly string[] {
  const conf = confOf(podUid, anyNetwork, { type: 'dra-sriov' });
  try {
    const search = new Search(allocationNode(tool), { conf, network: anyNetwork, held: new Map() });
    const claims = search.claimsOf(search.podSpecAnywhere()?.addresses ?? []);
    const names = [...new Set(claims.flatMap(({ networkName }) => networkName ?? []))].sort();
    return names.length === 0 ? [anyNetwork] : names;
  } catch (thrown) {
    // The plan will have the error, with all sources.
    if (isCniError(thrown)) return [anyNetwork];
    throw thrown;
  }
}

/** The config that ADD would read for a pod of that UID. Throws CniError if it is refused. */
export function confOf(podUid: string, network: string, config: Json): SriovConf {
  const args = { K8S_POD_UID: podUid };
  return parseConf(madeUpRequest('ADD', { network, args, config, stdin: JSON.stringify(config) }));
}

/** Plans for the ADDs of a pod, one after the other; `records` are the pod's. Changes nothing. */
export function planAll(tool: Tool, asks: readonly Ask[], records: readonly KeptRecord[]): readonly Plan[] {
  const taken = new Map<PciAddress, string>(
    records.map(({ key, record }): [PciAddress, string] => [
      record.identity.pci,
      `${key.ifname} of this pod (network ${key.network})`,
    ]),
  );
  return asks.map(({ network, ifname, conf }) => {
    const own = records.find(({ key }) => key.network === network && key.ifname === ifname) ?? null;
    const held = new Map(taken);
    // ADD gives back the leftovers of an earlier try of its own.
    if (own !== null) held.delete(own.record.identity.pci);
    const outcome = explainAllocation(allocationNode(tool), { conf, network, held });
    const prospects = prospectsOf(tool, conf, ifname, outcome.found, own);
    if (outcome.found !== null) taken.set(outcome.found.pci, `${ifname} of this pod (network ${network})`);
    return { network, ifname, conf, outcome, prospects, attached: own };
  });
}

function errorJson(failure: CniError | null): unknown {
  return failure === null ? null : { code: failure.code, msg: failure.message };
}

function planJson({ network, ifname, outcome, prospects, attached }: Plan): unknown {
  const { found, failure, trace }: Explanation = outcome;
  return {
    network,
    ifname,
    vf: found?.pci ?? null,
    source: found?.source ?? null,
    error: errorJson(failure),
    sources: trace,
    identity: prospects.identity,
    obstacle: errorJson(prospects.obstacle),
    changes: prospects.changes,
    attached: attached === null ? null : { pci: attached.record.identity.pci, phase: attached.record.phase },
  };
}

/** Lists the known pods, because a mistyped UID is the likeliest reason why nothing was found. */
function suggestPods(tool: Tool, podUid: string): void {
  const pods = new DriverFiles(allocationNode(tool)).listPods();
  if (pods.some((pod) => pod.podUid === podUid)) return;
  const lines = pods.map(
    ({ podUid: uid, specified, prepared }) => `\n  ${printable(uid)}: ${(specified ?? prepared ?? []).join(' ')}`,
  );
  const known = lines.length === 0 ? 'it knows no pod' : `it knows:${lines.join('')}`;
  complain(tool, `the SR-IOV DRA driver has left nothing on this node for pod ${printable(podUid)}; ${known}`);
}
