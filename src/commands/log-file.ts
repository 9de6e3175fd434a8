import { explain } from '../cni/errors.ts';
import { printable } from '../lib/quote.ts';
import type { FileStatus, Platform } from '../platform/platform.ts';

/** S_IWOTH and S_IWGRP, linux/stat.h */
const [writableByAll, writableByGroup] = [0o002, 0o020];

/**
 * Appends lines to the `logFile` of a network config. Whoever writes such a config may not be trusted with the node's files, so it
 * lies below the log directory (`paths.logDir`), no link leads there, and nobody but root may write on the way or to it. A log that
 * can't be written must not keep a pod from its network: then the lines go to stderr, after one that says why.
 */
export class LogFile {
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

const namesIn = (path: string): readonly string[] => path.split('/').filter((name) => name !== '' && name !== '.');

function whyNotAllowed(platform: Platform, path: string): string | null {
  const { logDir } = platform.paths;
  const [base, names] = [namesIn(logDir), namesIn(path)];
  const isBelow = names.length > base.length && base.every((name, index) => names[index] === name);
  if (!isBelow || names.includes('..')) return `it must be below ${logDir} (DRA_SRIOV_LOG_DIR)`;
  const top = platform.stat(`${logDir}/.`);
  if (top === null) return `${logDir} doesn't exist`;
  const inside = names.slice(base.length);
  const folders = inside.slice(0, -1).map((_, index) => `${logDir}/${inside.slice(0, index + 1).join('/')}`);
  for (const folder of folders) {
    const problem = whyNotOurs(platform.stat(folder), 'directory', writableByAll);
    if (problem !== null) return `${folder} ${problem}`;
  }
  const file = platform.stat(path);
  return file === null ? null : whyNotOurs(file, 'file', writableByAll | writableByGroup);
}

function whyNotOurs(status: FileStatus | null, wanted: 'file' | 'directory', forbidden: number): string | null {
  if (status === null) return "doesn't exist";
  if (status.kind !== wanted) return `is no ${wanted === 'file' ? 'regular file' : 'directory'}`;
  if (status.uid !== 0) return `belongs to user ${status.uid}`;
  return (status.mode & forbidden) === 0 ? null : `may be written to by others (mode 0${status.mode.toString(8)})`;
}
