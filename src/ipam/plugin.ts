import { CniError, explain, isCniError } from '../cni/errors.ts';
import { parseJson } from '../cni/json-text.ts';
import type { CniResult } from '../cni/result.ts';
import { parseResult } from '../cni/result-versions.ts';
import type { Log } from '../lib/log.ts';
import type { Platform, ProcessResult, RunningProcess } from '../platform/platform.ts';

/** An IPAM plugin may ask a server (dhcp); CNI runtimes give up on all of us after about two minutes. */
export const usualTimeLimitMs = 60_000;

/** Set for every plugin that this one starts. */
export const delegationMark = 'DRA_SRIOV_DELEGATED';

/** S_IWOTH, linux/stat.h */
const writableByAll = 0o002;

export type IpamCommand = 'ADD' | 'DEL' | 'CHECK' | 'STATUS' | 'GC';

/** One call of an IPAM plugin (SPEC.md, section 4 "Plugin Delegation"). */
export interface IpamCall {
  readonly command: IpamCommand;
  /** Plain name of the executable, searched in `pluginDirs`. */
  readonly type: string;
  readonly pluginDirs: readonly string[];
  /** The network config, verbatim. */
  readonly stdin: string;
  readonly cniVersion: string;
  /** CNI_* variables; the rest of the environment is this process's own. */
  readonly variables: Readonly<Record<string, string>>;
  readonly timeLimitMs?: number;
}

/** An IPAM plugin under way; it runs beside us where the host can do that. */
export class IpamProcess {
  readonly #call: IpamCall;
  readonly #process: RunningProcess;
  readonly #log: Log;
  #joined = false;

  constructor(call: IpamCall, process: RunningProcess, log: Log) {
    this.#call = call;
    this.#process = process;
    this.#log = log;
  }

  /** Joins it and passes its failure on with its own code. Throws CniError. */
  finish(): string {
    const { type, command, timeLimitMs = usualTimeLimitMs } = this.#call;
    this.#joined = true;
    const outcome = this.#wait();
    if (outcome.stderr !== '') this.#log.info('the IPAM plugin wrote to stderr', { type, text: outcome.stderr.trim() });
    if (outcome.timedOut) {
      throw new CniError(
        'ipamFailed',
        `IPAM plugin ${type}: ${command} took more than ${timeLimitMs} ms and was ended`,
      );
    }
    if (outcome.status === 0) return outcome.stdout;
    throw failureOf(this.#call, outcome);
  }

  #wait(): ProcessResult {
    try {
      return this.#process.wait();
    } catch (cause) {
      throw new CniError('ipamFailed', `IPAM plugin ${this.#call.type} can't be run`, { cause });
    }
  }

  /**
   * Joins the DEL for an attachment that was never completed. A plugin that doesn't speak the config's CNI version has
   * refused its ADD just so, and holds nothing: an error would keep the pod from ending for ever. Throws CniError.
   */
  finishUnfinished(): void {
    try {
      this.finish();
    } catch (thrown) {
      if (!isCniError(thrown, 'incompatibleVersion')) throw thrown;
      const { type, cniVersion } = this.#call;
      this.#log.warning('the IPAM plugin doesn’t speak the config’s CNI version', { type, cniVersion });
    }
  }

  /** Joins it where that hasn't happened, whatever comes of it: a DEL must not run beside the ADD that it undoes. */
  settle(): void {
    if (this.#joined) return;
    try {
      this.#process.wait();
    } catch (thrown) {
      this.#log.warning('the IPAM plugin could not be joined', { type: this.#call.type, reason: explain(thrown) });
    }
  }

  /** The result of ADD. Throws CniError. */
  finishAdd(): CniResult {
    const stdout = this.finish();
    try {
      return parseResult(parseJson(stdout, 'its answer'), this.#call.cniVersion);
    } catch (cause) {
      const text = stdout.slice(0, 200);
      throw new CniError(
        'decode',
        `IPAM plugin ${this.#call.type} answered what is no CNI result: ${JSON.stringify(text)}`,
        { cause },
      );
    }
  }
}

/** Starts the plugin. Throws CniError ipamFailed where it isn't in CNI_PATH. */
export function startIpam(platform: Platform, log: Log, call: IpamCall): IpamProcess {
  const path = findPlugin(platform, call);
  const process = platform.startProcess({
    path,
    args: [],
    env: { ...definedOnly(platform.environment), ...call.variables, CNI_COMMAND: call.command, [delegationMark]: '1' },
    stdin: call.stdin,
    timeoutMs: call.timeLimitMs ?? usualTimeLimitMs,
  });
  return new IpamProcess(call, process, log);
}

/** Throws CniError ipamFailed, naming the directories that were searched, or the one where everybody could put a program for root to run. */
export function findPlugin(platform: Platform, call: Pick<IpamCall, 'type' | 'pluginDirs'>): string {
  for (const directory of call.pluginDirs) {
    const path = `${directory}/${call.type}`;
    if (!directory.startsWith('/') || !platform.isExecutable(path)) continue;
    refuseWritable(platform, `${directory}/.`, directory, call.type);
    refuseWritable(platform, path, path, call.type);
    return path;
  }
  const searched = call.pluginDirs.join(':') || 'CNI_PATH is empty';
  throw new CniError('ipamFailed', `IPAM plugin "${call.type}" is not in CNI_PATH (${searched})`);
}

/** A link has no mode of its own, and only who may write to its directory can make it another. */
function refuseWritable(platform: Platform, path: string, shown: string, type: string): void {
  const status = platform.stat(path);
  if (status === null || status.kind === 'link' || (status.mode & writableByAll) === 0) return;
  const mode = `0${status.mode.toString(8)}`;
  throw new CniError('ipamFailed', `IPAM plugin "${type}" is not run: everybody may write to ${shown} (mode ${mode})`);
}

/** True where the plugin says that it doesn't know the verb: older ones have no STATUS or GC. */
export function isNotImplemented(thrown: unknown): boolean {
  if (!(thrown instanceof Error)) return false;
  return /unknown CNI_COMMAND|unknown command|not (yet )?implemented|unsupported command/i.test(thrown.message);
}

function failureOf(call: IpamCall, outcome: ProcessResult): CniError {
  const plugin = `IPAM plugin ${call.type}: ${call.command}`;
  try {
    const { code, msg, details } = parseJson(outcome.stdout, 'its answer') as Record<string, unknown>;
    if (typeof code === 'number' && typeof msg === 'string') {
      return CniError.delegated(plugin, code, msg, typeof details === 'string' ? details : undefined);
    }
  } catch {
    // No CNI error JSON: what it wrote to stderr is all there is.
  }
  const how = outcome.signal === null ? `exit code ${outcome.status}` : `signal ${outcome.signal}`;
  return new CniError(
    'ipamFailed',
    `${plugin} ended with ${how}: ${outcome.stderr.trim() || outcome.stdout.trim() || 'it said nothing'}`,
  );
}

function definedOnly(environment: Platform['environment']): Record<string, string> {
  const entries = Object.entries(environment).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}
