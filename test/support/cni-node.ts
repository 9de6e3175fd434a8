// A node on which a plugin attaches interfaces. Behind it is memory (memory-node.ts), a set of stand-ins in namespaces
// (stand-in-node.ts), or a virtual machine (test/lab/lab-node.ts), which answers with promises.
import { type ClaimedVf, claimSpecFile, type DriverFile, deviceInfoFile, podSpecFile } from './driver-files.ts';

export interface CniCall {
  readonly containerId?: string;
  readonly ifname?: string;
  /** CNI_NETNS; default that of the node's first pod. */
  readonly netns?: string;
  /** CNI_ARGS */
  readonly args?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface CniOutcome {
  /** Null if a signal ended it. */
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** stdout as JSON; null if it is empty. */
  readonly json: unknown;
}

/** The result of ADD, as far as tests look at it. */
export interface CniResultJson {
  readonly cniVersion: string;
  readonly interfaces: readonly {
    readonly name: string;
    readonly mac?: string;
    readonly mtu?: number;
    readonly sandbox?: string;
    readonly pciID?: string;
  }[];
  readonly ips?: readonly { readonly address: string; readonly gateway?: string; readonly interface?: number }[];
  readonly routes?: readonly { readonly dst: string; readonly gw?: string }[];
}

export interface CniErrorJson {
  readonly cniVersion: string;
  readonly code: number;
  readonly msg: string;
  readonly details?: string;
}

type Json = Record<string, unknown>;

/** `T`, or a promise of it. */
export type Given<Later extends boolean, T> = Later extends true ? Promise<T> : T;

const ofAttachment: readonly unknown[] = ['ADD', 'CHECK', 'DEL'];

/** The environment of a verb, as libcni fills it in: variables of an attachment are empty for verbs without one. */
export function cniVariables(
  command: string | undefined,
  call: CniCall,
  pluginDirs: string,
): Record<string, string | undefined> {
  const isOfOne = ofAttachment.includes(command);
  return {
    CNI_COMMAND: command,
    CNI_CONTAINERID: isOfOne ? (call.containerId ?? 'c1') : '',
    CNI_NETNS: isOfOne ? call.netns : '',
    CNI_IFNAME: isOfOne ? (call.ifname ?? 'net1') : '',
    CNI_PATH: pluginDirs,
    ...(call.args === undefined ? {} : { CNI_ARGS: call.args }),
    ...call.env,
  };
}

/** Makes an outcome of what a program printed. */
export function outcomeOf(status: number | null, stdout: string, stderr: string): CniOutcome {
  return { status, stdout, stderr, json: stdout.trim() === '' ? null : parse(stdout) };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error(`stdout is no JSON: ${text}`);
  }
}

/** Calls `next` with the value, or when the promise of it is fulfilled. */
function andThen<Later extends boolean, A, B>(value: Given<Later, A>, next: (value: A) => B): Given<Later, B> {
  return (value instanceof Promise ? value.then(next) : next(value as A)) as Given<Later, B>;
}

export abstract class CniNode<Later extends boolean = false, Call extends CniCall = CniCall> {
  /** Directories of CDI specs, and of device-info files (in `dp`). */
  abstract readonly driverDirs: { readonly cdi: string; readonly devinfo: string };

  /** A network config of this node. */
  abstract conf(keys?: Readonly<Json>): Json;

  /** `ipam` of a config: host-local with its store on this node. */
  abstract ipam(subnet?: string, extra?: Readonly<Json>): Json;

  /** Runs one verb as the runtime does. */
  abstract cni(command: string | undefined, conf?: unknown, call?: Call): Given<Later, CniOutcome>;

  abstract writeFile(path: string, text: string): Given<Later, void>;

  /** All that ADD may change and DEL must give back. */
  abstract picture(): Given<Later, unknown>;

  /** `cni` that has to succeed. */
  succeed(command: string, conf?: unknown, call?: Call): Given<Later, CniOutcome> {
    return andThen(this.cni(command, conf, call), (outcome: CniOutcome) => {
      if (outcome.status === 0) return outcome;
      throw new Error(`${command} failed: ${outcome.stdout}\n${outcome.stderr}`);
    });
  }

  /** `cni` that has to fail; returns its error. */
  fail(command: string, conf?: unknown, call?: Call): Given<Later, CniErrorJson> {
    return andThen(this.cni(command, conf, call), (outcome: CniOutcome) => {
      if (outcome.status !== 0) return outcome.json as CniErrorJson;
      throw new Error(`${command} succeeded, which it must not: ${outcome.stdout}`);
    });
  }

  /** ADD that has to succeed; returns its result. */
  attach(conf?: unknown, call?: Call): Given<Later, CniResultJson> {
    return andThen(this.succeed('ADD', conf, call), ({ json }: CniOutcome) => json as CniResultJson);
  }

  /** The CDI spec that the DRA driver writes for a pod. */
  writePodSpec(podUid: string, pcis: readonly string[]): Given<Later, void> {
    return this.#write(this.driverDirs.cdi, podSpecFile(podUid, pcis));
  }

  /** The CDI spec that the DRA driver writes for a claim. */
  writeClaimSpec(claimUid: string, vfs: readonly ClaimedVf[]): Given<Later, void> {
    return this.#write(this.driverDirs.cdi, claimSpecFile(claimUid, vfs));
  }

  /** The device-info file of a VF, as device plugins and the DRA driver in MULTUS mode leave it. */
  writeDeviceInfo(resourceName: string, pci: string): Given<Later, void> {
    return this.#write(`${this.driverDirs.devinfo}/dp`, deviceInfoFile(resourceName, pci));
  }

  #write(directory: string, { name, text }: DriverFile): Given<Later, void> {
    return this.writeFile(`${directory}/${name}`, text);
  }
}
