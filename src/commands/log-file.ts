import { explain } from '../cni/errors.ts';
import { printable } from '../lib/quote.ts';
import { defaultNodePaths } from '../platform/node-paths.ts';
import type { FileStatus, Platform } from '../platform/platform.ts';

/** S_IWOTH and S_IWGRP, linux/stat.h */
const [writableByAll, writableByGroup] = [0o002, 0o020];

const [systemLogDir, usualLogDir] = ['/var/log', defaultNodePaths.logDir];

/** Names that users of sriov-cni give its log, and that no other program's log has. */
const usualName = /^(dra-)?sriov[\w.-]*\.log$/;

class LogFile {
  readonly #platform: Platform;
  readonly #path: string;
  #problem: string | null = null;
  #isChecked = false;

  constructor(platform: Platform, path: string) {
    this.#platform = platform;
    this.#path = path;
  }

  append(line: string): void {
    if (this.#problem === null) this.#tryAppend(line);
    if (this.#problem !== null) this.#platform.writeStderr(line);
  }

  #tryAppend(line: string): void {
    try {
      if (!this.#isChecked) this.#problem = whyNotAllowed(this.#platform, this.#path);
      this.#isChecked = true;
      if (this.#problem === null) this.#platform.appendFile(this.#path, line);
    } catch (thrown) {
      this.#problem = explain(thrown);
    }
    if (this.#problem === null) return;
    this.#platform.writeStderr(`logFile ${printable(this.#path)} can't be written: ${printable(this.#problem)}\n`);
  }
}

/**
 * Appends lines to the `logFile` of a network config. Whoever writes such a config is not trusted with the node's
 * files, nor with other programs' logs. So the file lies in the plugin's own log directory (`paths.logDir`), or has a
 * name in /var/log that no other program's has; no link leads there, and nobody but root may write to it. A log that
 * can't be written must not keep a pod from its network: then the lines go to stderr, after one that says why.
 */
export function openLogFile(platform: Platform, path: string): { append(line: string): void } {
  return new LogFile(platform, path);
}

/** Directory and name of an absolute path; null if it has `..`. */
function split(path: string): readonly [directory: string, name: string] | null {
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  const name = names.pop();
  return name === undefined || names.includes('..') || name === '..' ? null : [`/${names.join('/')}`, name];
}

function isIn(directory: string, path: string): boolean {
  const [of] = split(path) ?? [];
  return of !== undefined && of === split(`${directory}/x`)?.[0];
}

/** Why a log may not have this path, on any node; null if it may. */
export function whyNoLogPath(path: string, logDir: string = usualLogDir): string | null {
  const isUsual = logDir === usualLogDir && isIn(systemLogDir, path) && usualName.test(split(path)?.[1] ?? '');
  if (isIn(logDir, path) || isUsual) return null;
  const otherwise = logDir === usualLogDir ? `, or be ${systemLogDir}/sriov*.log` : '';
  return `it must be in ${logDir} (DRA_SRIOV_LOG_DIR)${otherwise}`;
}

function whyNotAllowed(platform: Platform, path: string): string | null {
  const { logDir } = platform.paths;
  const reason = whyNoLogPath(path, logDir);
  if (reason !== null) return reason;
  const [directory = ''] = split(path) ?? [];
  if (isIn(logDir, path) && logDir === usualLogDir) makeLogDir(platform);
  const folder = platform.stat(`${directory}/.`);
  const problem = whyNotOurs(folder, 'directory', writableByAll);
  if (problem !== null) return `${directory} ${problem}`;
  const file = platform.stat(path);
  return file === null ? null : whyNotOurs(file, 'file', writableByAll | writableByGroup);
}

/**
 * Makes the log directory for root alone, as the files in it are; not on a node where the directory above is missing.
 */
function makeLogDir(platform: Platform): void {
  const isMissing = platform.stat(usualLogDir) === null && platform.stat(systemLogDir) !== null;
  if (isMissing) platform.makeDir(usualLogDir, 0o700);
}

function whyNotOurs(status: FileStatus | null, wanted: 'file' | 'directory', forbidden: number): string | null {
  if (status === null) return "doesn't exist";
  if (status.kind !== wanted) return `is no ${wanted === 'file' ? 'regular file' : 'directory'}`;
  if (status.uid !== 0) return `belongs to user ${status.uid}`;
  return (status.mode & forbidden) === 0 ? null : `may be written to by others (mode 0${status.mode.toString(8)})`;
}
