import { CniError, explain, isCniError } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import type { CniRequest } from '../cni/request.ts';
import type { CniResult } from '../cni/result.ts';
import { parseResult } from '../cni/result-versions.ts';
import { parseCidr } from '../kernel/ip-text.ts';
import { isJsonObject } from '../lib/json.ts';
import type { Log } from '../lib/log.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { FileStatus, Platform, ProcessResult, RunningProcess } from '../platform/platform.ts';
import { delegationMark, usualTimeLimitMs } from './bookkeeping.ts';

/** S_IWOTH, linux/stat.h */
const writableByAll = 0o002;
/** As many as path lookup follows: MAXSYMLINKS, linux/namei.h */
const maxLinks = 40;

/** Errors of execve(2) for a file that is no program for this machine, or that went away. */
const neverRan = ['ENOENT', 'EACCES', 'ENOEXEC'] as const;

export type IpamCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC';

/**
 * One call of an IPAM plugin (SPEC.md, section 4 "Plugin Delegation"). An absent field is as the runtime gave it to us.
 */
export interface IpamCall {
  readonly command: IpamCommand;
  /** Plain name of the executable. */
  readonly type: string;
  /** The network config, verbatim. */
  readonly stdin?: string;
  /** Directories in which the executable is searched. */
  readonly pluginDirs?: readonly string[];
  /** CNI_* variables; the rest of the environment is this process's own. */
  readonly variables?: Readonly<Record<string, string>>;
  readonly timeLimitMs?: number;
}

/** What a call of an IPAM plugin needs of its caller. */
export interface IpamCaller {
  readonly platform: Platform;
  readonly log: Log;
  readonly request: Pick<CniRequest, 'stdin' | 'pluginDirs' | 'cniVersion'>;
}

/** An IPAM plugin that runs beside us from its start. */
export class IpamProcess {
  readonly #call: IpamCall;
  readonly #process: RunningProcess;
  readonly #caller: IpamCaller;
  #joined = false;
  #gaveNothing = false;

  constructor(call: IpamCall, process: RunningProcess, caller: IpamCaller) {
    this.#call = call;
    this.#process = process;
    this.#caller = caller;
  }

  /**
   * Whether a joined ADD ended by itself with an error, or never ran. A plugin that was killed, crashed, or answered
   * what is no result may have given an address.
   */
  get gaveNothing(): boolean {
    return this.#gaveNothing;
  }

  /** Joins the plugin, and passes its failure on with its own code. Throws CniError. */
  finish(): string {
    const { type, command, timeLimitMs = usualTimeLimitMs } = this.#call;
    this.#joined = true;
    const outcome = this.#wait();
    const text = outcome.stderr.trim();
    if (text !== '') this.#caller.log.info('the IPAM plugin wrote to stderr', { type, text });
    if (outcome.timedOut) {
      throw new CniError(
        'ipamFailed',
        `IPAM plugin ${type}: ${command} took more than ${timeLimitMs} ms and was ended`,
      );
    }
    const error = readPluginError(`IPAM plugin ${type}: ${command}`, outcome);
    if (error !== null) this.#gaveNothing = true;
    if (error !== null) throw error;
    if (outcome.status === 0) return outcome.stdout;
    throw wordlessFailure(this.#call, outcome);
  }

  #wait(): ProcessResult {
    try {
      return this.#process.wait();
    } catch (cause) {
      if (!isSystemError(cause)) throw cause;
      this.#gaveNothing = neverRan.some((name) => isSystemError(cause, name));
      throw new CniError('ipamFailed', `IPAM plugin ${this.#call.type} can't be run`, { cause });
    }
  }

  /**
   * Joins the plugin if that hasn't happened, whatever its outcome: a DEL must not run beside the ADD that it undoes.
   */
  settle(): void {
    if (this.#joined) return;
    try {
      this.finish();
    } catch (thrown) {
      const { type } = this.#call;
      this.#caller.log.warning('the IPAM plugin failed, too', { type, reason: explain(thrown) });
    }
  }

  /** The result of ADD, with at least one address that an interface may have. Throws CniError. */
  finishAdd(): CniResult {
    const stdout = this.finish();
    const { type } = this.#call;
    const result = this.#read(stdout);
    if (result.ips.length === 0)
      throw new CniError('ipamFailed', `IPAM plugin ${type} gave no address: ${cut(stdout)}`);
    for (const { address } of result.ips) {
      if (isHostAddress(address)) continue;
      throw new CniError('ipamFailed', `IPAM plugin ${type} gave ${address}, which no interface can have`);
    }
    return result;
  }

  #read(stdout: string): CniResult {
    try {
      return parseResult(parseJson(stdout, 'its answer'), this.#caller.request.cniVersion);
    } catch (cause) {
      if (!isCniError(cause)) throw cause;
      const { type } = this.#call;
      throw new CniError('decode', `IPAM plugin ${type} did not answer with a CNI result: ${cut(stdout)}`, { cause });
    }
  }
}

/** Throws CniError ipamFailed if the plugin isn't in CNI_PATH, invalidConfig if it is this one. */
export function startPlugin(caller: IpamCaller, call: IpamCall): IpamProcess {
  const { platform, request } = caller;
  const { type, stdin = request.stdin, pluginDirs = request.pluginDirs, timeLimitMs = usualTimeLimitMs } = call;
  const process = platform.startProcess({
    path: findPlugin(platform, { type, pluginDirs }),
    args: [],
    env: { ...definedOnly(platform.environment), ...call.variables, CNI_COMMAND: call.command, [delegationMark]: '1' },
    stdin,
    timeoutMs: timeLimitMs,
  });
  return new IpamProcess(call, process, caller);
}

/**
 * Path of a plugin. Throws CniError ipamFailed, naming the directories that were searched, or the one where everybody
 * could put a program for root to run.
 */
export function findPlugin(
  platform: Platform,
  { type, pluginDirs }: { readonly type: string; readonly pluginDirs: readonly string[] },
): string {
  for (const directory of pluginDirs) {
    const path = `${directory}/${type}`;
    if (!directory.startsWith('/') || !platform.isExecutable(path)) continue;
    refuseWritable(platform, `${directory}/.`, directory, type);
    refuseWritable(platform, path, path, type);
    if (!isThisProgram(platform, path)) return path;
    throw new CniError('invalidConfig', `ipam.type: "${type}" is this plugin (${path}), which gives no addresses`);
  }
  const searched = pluginDirs.join(':') || 'CNI_PATH is empty';
  throw new CniError('ipamFailed', `IPAM plugin "${type}" is not in CNI_PATH (${searched})`);
}

/** Whether a path leads to this program, under whatever name, as a link or a copy. It would start itself for ever. */
function isThisProgram(platform: Platform, path: string): boolean {
  const own = platform.stat(platform.executable);
  const other = statOfTarget(platform, path);
  if (own === null || other === null || own.sizeBytes !== other.sizeBytes) return false;
  if (own.inode === other.inode && own.device === other.device) return true;
  const read = (file: string): Buffer | null => platform.readFile(file, { maxBytes: own.sizeBytes });
  return read(path)?.equals(read(platform.executable) ?? Buffer.alloc(0)) ?? false;
}

function statOfTarget(platform: Platform, path: string): FileStatus | null {
  let at = path;
  for (let links = 0; links <= maxLinks; links++) {
    const target = platform.readLink(at);
    if (target === null) return platform.stat(at);
    at = target.startsWith('/') ? target : `${at.slice(0, at.lastIndexOf('/'))}/${target}`;
  }
  return null;
}

/** A link has no mode of its own. Only who may write to its directory can replace it. */
function refuseWritable(platform: Platform, path: string, shown: string, type: string): void {
  const status = platform.stat(path);
  if (status === null || status.kind === 'link' || (status.mode & writableByAll) === 0) return;
  const mode = `0${status.mode.toString(8)}`;
  throw new CniError('ipamFailed', `IPAM plugin "${type}" is not run: everybody may write to ${shown} (mode ${mode})`);
}

/** True if the plugin says that it doesn't know the verb, as older ones do of STATUS and GC. */
export function isNotImplemented(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return /unknown CNI_COMMAND|unknown command|not (yet )?implemented|unsupported command/i.test(thrown.message);
}

/**
 * The error that a plugin printed, whatever its exit code; null if it printed none. A code that CNI doesn't have
 * (SPEC.md, section 5 "Error": an unsigned integer, and 0 is none) becomes 111.
 */
function readPluginError(plugin: string, { status, stdout }: ProcessResult): CniError | null {
  const json = jsonOf(stdout);
  const { code, msg, details } = isJsonObject(json) ? json : {};
  const isError = status === 0 ? (code ?? 0) !== 0 : typeof msg === 'string';
  if (!isError || status === null) return null;
  const message = typeof msg === 'string' ? msg : cut(stdout);
  const more = typeof details === 'string' ? details : undefined;
  if (Number.isSafeInteger(code) && Number(code) > 0) return CniError.delegated(plugin, Number(code), message, more);
  const whole = `its answer: ${cut(stdout)}`;
  return new CniError('ipamFailed', `${plugin}: ${message}`, {
    details: more === undefined ? whole : `${more}; ${whole}`,
  });
}

function jsonOf(text: string): unknown {
  try {
    return parseJson(text, 'its answer');
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return undefined;
  }
}

function wordlessFailure({ type, command }: IpamCall, { status, signal, stdout, stderr }: ProcessResult): CniError {
  const how = signal === null ? `exit code ${status}` : `signal ${signal}`;
  const words = stderr.trim() || stdout.trim() || 'it said nothing';
  return new CniError('ipamFailed', `IPAM plugin ${type}: ${command} ended with ${how}: ${words}`);
}

const cut = (text: string): string => JSON.stringify(text.slice(0, 200));

/**
 * False for a text that is no address, and for the unspecified, limited broadcast and multicast addresses, which the
 * kernel refuses or nobody could reach.
 */
function isHostAddress(cidr: string): boolean {
  const bytes = bytesOf(cidr);
  const first = bytes[0] ?? 0;
  const isMulticast = bytes.length === 4 ? first >= 0xe0 && first <= 0xef : first === 0xff;
  const isBroadcast = bytes.length === 4 && bytes.every((byte) => byte === 0xff);
  return !isMulticast && !isBroadcast && bytes.some((byte) => byte !== 0);
}

function bytesOf(cidr: string): Buffer {
  try {
    return parseCidr(cidr).bytes;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return Buffer.alloc(0);
  }
}

function definedOnly(environment: Platform['environment']): Record<string, string> {
  const entries = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
