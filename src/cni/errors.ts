/**
 * Error codes of CNI 1.1 (SPEC.md, section 5 "Error") and ours from 100 up.
 * scripts/error-reference.ts says what each means and what a person can do about it.
 */
export const errorCodes = {
  incompatibleVersion: 1,
  unsupportedField: 2,
  unknownContainer: 3,
  invalidEnvironment: 4,
  io: 5,
  decode: 6,
  invalidConfig: 7,
  invalidNetns: 8,
  tryAgainLater: 11,
  notAvailable: 50,
  limitedConnectivity: 51,
  noVfForPod: 100,
  contradictorySources: 101,
  vfBusy: 102,
  vfMissing: 103,
  noDriver: 104,
  pfMissing: 105,
  settingRefused: 106,
  interfaceNameTaken: 107,
  rollbackIncomplete: 108,
  detachIncomplete: 109,
  checkFailed: 110,
  ipamFailed: 111,
  alreadyAttached: 112,
  kernel: 113,
  gcIncomplete: 114,
  duplicateAddress: 115,
  recordVersion: 116,
  notEthernet: 117,
  internal: 999,
} as const satisfies Readonly<Record<string, number>>;

export type ErrorName = keyof typeof errorCodes;

export interface CniErrorOptions {
  readonly cause?: unknown;
  readonly details?: string;
}

/** A failure whose meaning is known. It becomes the CNI error JSON. `details` takes what would make `msg` too long. */
export class CniError extends Error {
  override readonly name = 'CniError';
  readonly code: number;
  readonly details: string | undefined;

  constructor(name: ErrorName, message: string, options: CniErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = errorCodes[name];
    this.details = options.details;
  }

  /** An error of another plugin (IPAM), passed on with its own code. */
  static delegated(plugin: string, code: number, message: string, details: string | undefined): CniError {
    const error = new CniError('ipamFailed', `${plugin}: ${message}`, details === undefined ? {} : { details });
    Object.defineProperty(error, 'code', { value: code, enumerable: true });
    return error;
  }
}

/** Errors that the engine throws for faults of the program. SyntaxError isn't among them: JSON.parse throws it. */
const bugNames: readonly string[] = ['TypeError', 'RangeError', 'ReferenceError', 'InternalError'];

/**
 * A fault of the program, or a lack of memory. Code that takes an error for an answer, such as that a file is damaged,
 * must not take this one.
 */
export function isBug(thrown: unknown): boolean {
  return !(thrown instanceof Error) || bugNames.includes(thrown.name);
}

/** Goes by name, not by class, because separately loaded parts have classes of their own. */
export function isCniError(thrown: unknown, name?: ErrorName): thrown is CniError {
  if (!(thrown instanceof Error) || thrown.name !== 'CniError') return false;
  return name === undefined || (thrown as CniError).code === errorCodes[name];
}

/** The message of an error with those of its causes, outermost first, joined by `: `. */
export function explain(thrown: unknown): string {
  // QuickJS throws null when its memory limit is reached, because it has none left for an error.
  if (thrown === null) return 'out of memory';
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.cause === undefined ? thrown.message : `${thrown.message}: ${explain(thrown.cause)}`;
}
