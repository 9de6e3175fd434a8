/**
 * Error codes of CNI 1.1 (SPEC.md, section 5 "Error") and ours from 100 up.
 * README prints this table; every entry says what a person can do about it.
 */
export const errorCodes = {
  incompatibleVersion: { code: 1, meaning: 'incompatible CNI version', remedy: 'use a cniVersion that VERSION lists' },
  unsupportedField: {
    code: 2,
    meaning: 'unsupported field in the network config',
    remedy: 'the message names the key and the value',
  },
  unknownContainer: { code: 3, meaning: 'unknown container', remedy: 'none needed: the runtime need not call DEL' },
  invalidEnvironment: { code: 4, meaning: 'invalid environment variable', remedy: 'the message names each variable' },
  io: { code: 5, meaning: 'I/O failure', remedy: 'see the message: path and errno' },
  decode: { code: 6, meaning: 'failed to decode content', remedy: 'see the message: which text, and where in it' },
  invalidConfig: { code: 7, meaning: 'invalid network config', remedy: 'run `dra-sriov validate FILE`' },
  invalidNetns: {
    code: 8,
    meaning: 'CNI_NETNS is not usable',
    remedy: 'it must be a network namespace other than the host’s',
  },
  tryAgainLater: {
    code: 11,
    meaning: 'try again later',
    remedy: 'another attachment holds the lock; the runtime retries',
  },
  notAvailable: {
    code: 50,
    meaning: 'the plugin can’t serve ADD',
    remedy: 'the message says what is missing on the node',
  },
  limitedConnectivity: {
    code: 51,
    meaning: 'limited connectivity',
    remedy: 'the message says what is missing on the node',
  },
  noVfForPod: {
    code: 100,
    meaning: 'no VF found for this pod',
    remedy: 'the message lists every source that was looked at; check the ResourceClaim and the annotation’s count',
  },
  contradictorySources: {
    code: 101,
    meaning: 'sources contradict each other about the pod’s VF',
    remedy: 'the message names both; remove the stale one',
  },
  vfBusy: {
    code: 102,
    meaning: 'the VF is in use',
    remedy: 'the message names the holder; delete that pod, or run GC',
  },
  vfMissing: {
    code: 103,
    meaning: 'the PCI address is no VF of this node',
    remedy: 'a stale device ID, or VFs were re-created: restart the pod',
  },
  noDriver: {
    code: 104,
    meaning: 'the VF has no driver or no netdev',
    remedy: 'bind a network driver or vfio-pci to the VF',
  },
  pfMissing: {
    code: 105,
    meaning: 'the VF’s PF or its netdev is missing',
    remedy: 'load the PF’s driver; the PF must be in the host’s network namespace',
  },
  settingRefused: {
    code: 106,
    meaning: 'the kernel refused a setting',
    remedy: 'the message names key, value, PF, driver and errno; the driver may not support it',
  },
  interfaceNameTaken: {
    code: 107,
    meaning: 'the interface name is taken in the pod',
    remedy: 'choose another name in the annotation',
  },
  rollbackIncomplete: {
    code: 108,
    meaning: 'ADD failed and its rollback is incomplete',
    remedy: 'the record is kept: the next DEL, ADD or GC goes on',
  },
  detachIncomplete: {
    code: 109,
    meaning: 'DEL could not give everything back',
    remedy: 'the record is kept: remove the obstacle, DEL is called again',
  },
  checkFailed: {
    code: 110,
    meaning: 'CHECK found differences',
    remedy: 'the message lists each; restart the pod or undo the change',
  },
  ipamFailed: {
    code: 111,
    meaning: 'the IPAM plugin failed',
    remedy: 'the message says how; it must be an executable in CNI_PATH',
  },
  alreadyAttached: {
    code: 112,
    meaning: 'this container already has this attachment',
    remedy: 'DEL it before a second ADD',
  },
  kernel: { code: 113, meaning: 'a kernel operation failed', remedy: 'the message names operation, object and errno' },
  gcIncomplete: {
    code: 114,
    meaning: 'GC could not reclaim everything',
    remedy: 'the message lists what is left; GC may be called again',
  },
  duplicateAddress: {
    code: 115,
    meaning: 'another host of the network has the address',
    remedy: 'the message names it; see that no two IPAM stores give addresses of one range',
  },
  recordVersion: {
    code: 116,
    meaning: 'an attachment record is of a newer version of this plugin',
    remedy: 'the record and its VF are left alone: install the newer version again, and let it DEL the pod',
  },
  notEthernet: {
    code: 117,
    meaning: 'the VF is no Ethernet device',
    remedy: 'InfiniBand VFs are for ib-sriov-cni',
  },
  internal: { code: 999, meaning: 'a bug in this plugin', remedy: 'report it with the details' },
} as const satisfies Readonly<Record<string, { code: number; meaning: string; remedy: string }>>;

export type ErrorName = keyof typeof errorCodes;

export interface CniErrorOptions {
  readonly cause?: unknown;
  readonly details?: string;
}

/** A failure whose meaning is known; becomes the CNI error JSON. `details` is for what would make `msg` too long. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string | undefined;

  constructor(name: ErrorName, message: string, options: CniErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = errorCodes[name].code;
    this.details = options.details;
  }

  /** An error of another plugin (IPAM), passed on with its own code. */
  static delegated(plugin: string, code: number, message: string, details: string | undefined): CniError {
    const error = new CniError('ipamFailed', `${plugin}: ${message}`, details === undefined ? {} : { details });
    Object.defineProperty(error, 'code', { value: code, enumerable: true });
    return error;
  }
}

/** Tells by name, not by class: separately loaded parts have classes of their own. */
export function isCniError(thrown: unknown, name?: ErrorName): thrown is CniError {
  if (!(thrown instanceof Error) || thrown.name !== 'CniError') return false;
  return name === undefined || (thrown as CniError).code === errorCodes[name].code;
}

/** The message of an error with those of its causes, outermost first, joined by `: `. */
export function explain(thrown: unknown): string {
  // What QuickJS throws when its memory limit is reached: it has none left for an error.
  if (thrown === null) return 'out of memory';
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${explain(thrown.cause)}`;
}
