import { identifierForm, isIdentifier } from '../cni/environment.ts';
import { explain } from '../cni/errors.ts';
import { formatVersions } from '../cni/versions.ts';
import { createLog } from '../lib/log.ts';
import { quote } from '../lib/quote.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { describeKey, RecordStore } from '../state/record-store.ts';
import { version } from '../version.ts';
import { complain, type ExitCode, exitCodes, printJson, programName, type Tool } from './tool.ts';

interface Place {
  /** Absolute path of a directory in which the container runtime looks for plugins. */
  readonly directory: string;
  /** The plugin's name there: the `type` of network configs. */
  readonly name: string;
}

interface Outcome {
  readonly path: string;
  readonly action: 'installed' | 'removed' | 'restored' | 'unchanged';
  /** What the path is now: a version of this plugin, another plugin, or nothing. */
  readonly now: string | 'another plugin' | null;
  /** What the path was before. */
  readonly before: string | 'another plugin' | null;
  /** Path of the other plugin that had the name before this one; null if none had it. */
  readonly backup: string | null;
}

const lockTimeoutMs = 30_000;
const answerTimeoutMs = 10_000;

const pathOf = ({ directory, name }: Place): string => `${directory}/${name}`;
const stagedOf = ({ directory, name }: Place): string => `${directory}/.${name}.new`;
const backupOf = (place: Place): string => `${pathOf(place)}.before-${programName}`;

/** What is wrong with a plugin's name; null where nothing is. */
const nameProblem = (name: string): string | null =>
  isIdentifier(name) ? null : `--as ${quote(name)} is not allowed; allowed: ${identifierForm}`;

/** The directory as an absolute path. Throws an Error that says why plugins may not lie there. */
function pluginDirectory(platform: Platform, directory: string): string {
  const below = directory.startsWith('/') ? '' : `${platform.readLink(`${platform.paths.procfs}/self/cwd`) ?? ''}/`;
  const path = `${below}${directory}`.replace(/\/+$/, '');
  // The dot makes it the target of a link.
  const status = platform.stat(`${path}/.`);
  if (status?.kind !== 'directory') {
    throw new Error(`--to ${quote(directory)}: there is no such directory; make it, or name the one of your runtime`);
  }
  if ((status.mode & 0o002) !== 0) {
    throw new Error(`--to ${quote(directory)}: everybody may write there, and root runs what is in it; chmod o-w it`);
  }
  return path;
}

/** What a plugin that is run by hand prints to stderr about itself (libcni's skel). */
export function askVersion(platform: Platform, path: string): string | null {
  try {
    const process = platform.startProcess({ path, args: [], env: {}, stdin: '', timeoutMs: answerTimeoutMs });
    return new RegExp(`^CNI plugin ${programName} v(\\S+)$`, 'm').exec(process.wait().stderr)?.[1] ?? null;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    // It is a script without an interpreter, or a program for another CPU, so none of ours.
    return null;
  }
}

/** What has the name now. Throws for a link or a directory, which somebody has made on purpose. */
function lookAt(platform: Platform, path: string): Outcome['before'] {
  const status = platform.stat(path);
  if (status === null) return null;
  if (status.kind === 'link') {
    throw new Error(
      `${path} is a link to ${quote(platform.readLink(path) ?? '')}, and stays as it is; remove it first`,
    );
  }
  if (status.kind !== 'file') throw new Error(`${path} is a ${status.kind}, and stays as it is; remove it first`);
  return askVersion(platform, path) ?? 'another plugin';
}

/** Throws if an executable doesn't answer VERSION as this one does. */
function tryOut(platform: Platform, path: string): void {
  const env = { CNI_COMMAND: 'VERSION' };
  const { status, stdout, stderr } = platform
    .startProcess({ path, args: [], env, stdin: '', timeoutMs: answerTimeoutMs })
    .wait();
  if (status === 0 && stdout === `${formatVersions()}\n`) return;
  const answer = `${quote(stdout)}, exit code ${status}, and ${quote(stderr)} on stderr`;
  throw new Error(`${platform.executable} answers VERSION with ${answer}; install from the executable that was built`);
}

/** Removes files of an installation that was killed. No other one is under way, because the lock is held. */
function removeLeftovers(platform: Platform, place: Place): void {
  for (const name of platform.readDir(place.directory) ?? []) {
    if (/^\.dra-sriov-\d+-\d+\.tmp$/.test(name)) platform.unlink(`${place.directory}/${name}`);
  }
  platform.unlink(stagedOf(place));
}

/** Allows one installer at a time, because DaemonSets of two releases may overlap on a node. */
function withLock<T>(platform: Platform, place: Place, task: () => T): T {
  const path = `${place.directory}/.${programName}-install.lock`;
  const lock = platform.lock(path, lockTimeoutMs, `process ${platform.pid}\n`);
  if (lock === null) throw new Error(`another installation holds ${path} for more than ${lockTimeoutMs} ms`);
  try {
    removeLeftovers(platform, place);
    return task();
  } finally {
    lock.unlock();
  }
}

/**
 * Puts this executable under the plugin's name. The copy is whole, synced and tried before it takes the name, so the
 * name always leads to the old plugin or to the new one. Another plugin that has the name is kept.
 */
function install(platform: Platform, place: Place): Outcome {
  const path = pathOf(place);
  const backup = backupOf(place);
  const staged = stagedOf(place);
  return withLock(platform, place, () => {
    const before = lookAt(platform, path);
    try {
      platform.copyFileAtomic(platform.executable, staged, 0o755);
      tryOut(platform, staged);
      if (before === 'another plugin') platform.copyFileAtomic(path, backup, platform.stat(path)?.mode ?? 0o755);
      platform.rename(staged, path);
    } catch (cause) {
      platform.unlink(staged);
      throw new Error(`${path} stays as it was: the new executable can't take its place`, { cause });
    }
    const kept = platform.stat(backup) === null ? null : backup;
    return { path, action: 'installed', now: version, before, backup: kept };
  });
}

/** Throws if a VF is still in a pod, whose DEL needs the plugin. */
function refuseWhileInUse(platform: Platform): void {
  const log = createLog({ level: 'error', write: (line) => platform.writeStderr(line) });
  const keys = new RecordStore(platform, log).allKeys();
  const [first] = keys;
  if (first === undefined) return;
  const which = `${describeKey(first)}${keys.length > 1 ? ` and ${keys.length - 1} more` : ''}`;
  throw new Error(`attachments need the plugin for their DEL: ${which}; end their pods first, or use --force`);
}

/** Removes the plugin, or puts back the other one that had its name. A file that isn't this plugin stays. */
function uninstall(platform: Platform, place: Place, force: boolean): Outcome {
  const path = pathOf(place);
  const backup = backupOf(place);
  return withLock(platform, place, () => {
    const before = lookAt(platform, path);
    if (before === null || before === 'another plugin') {
      return { path, action: 'unchanged', now: before, before, backup: null };
    }
    if (!force) refuseWhileInUse(platform);
    if (platform.stat(backup)?.kind === 'file') {
      platform.rename(backup, path);
      return { path, action: 'restored', now: 'another plugin', before, backup: null };
    }
    platform.unlink(path);
    return { path, action: 'removed', now: null, before, backup: null };
  });
}

export interface InstallOptions {
  readonly to: string;
  readonly as: readonly string[];
  readonly uninstall?: true;
  readonly force?: true;
  readonly json?: true;
}

function describe({ path, action, now, before, backup }: Outcome): string {
  switch (action) {
    case 'installed': {
      const isUpdate = before !== null && before !== now && before !== 'another plugin';
      const kept = backup === null ? '' : `the plugin that had this name before is kept as ${backup}\n`;
      return `installed ${path}, version ${now}${isUpdate ? `, was ${before}` : ''}\n${kept}`;
    }
    case 'restored':
      return `removed ${path}, version ${before}; the plugin that had this name before is back\n`;
    case 'removed':
      return `removed ${path}, version ${before}\n`;
    case 'unchanged':
      return now === null ? `nothing to remove: there is no ${path}\n` : `${path} is another plugin, and stays\n`;
  }
}

function commandLineProblem({ as, uninstall: removes, force }: InstallOptions): string | null {
  if (force === true && removes !== true) return '--force is for --uninstall';
  return as.map(nameProblem).find((problem) => problem !== null) ?? null;
}

function act({ platform }: Tool, { to, as, uninstall: removes, force }: InstallOptions): readonly Outcome[] {
  const directory = pluginDirectory(platform, to);
  const places = as.map((name) => ({ directory, name }));
  return places.map((place) =>
    removes === true ? uninstall(platform, place, force === true) : install(platform, place),
  );
}

/** `install`: puts this executable where the container runtime looks for plugins, or removes it. */
export function runInstall(tool: Tool, options: InstallOptions): ExitCode {
  const problem = commandLineProblem(options);
  if (problem !== null) {
    complain(tool, problem);
    return exitCodes.usage;
  }
  try {
    const outcomes = act(tool, options);
    if (options.json === true) printJson(tool, outcomes);
    else tool.platform.writeStdout(outcomes.map(describe).join(''));
    return exitCodes.fine;
  } catch (thrown) {
    complain(tool, explain(thrown));
    return exitCodes.wrong;
  }
}
