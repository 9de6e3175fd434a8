import type { Platform } from '../platform/platform.ts';
import { requirePrivateDirectory, requireTrustedPath } from './trusted-files.ts';

const what = 'the state directory';
const mode = 0o700;

/**
 * The directories in which records and locks lie. Root believes what is there, and runs programs that it names. So
 * nothing there is read, made or removed before it is known that only root can write to the directory and to those
 * above it. None of them is a link; links that root has made may lead to the state directory itself and to those above
 * it.
 */
export class StateDirectory {
  readonly root: string;
  readonly #platform: Platform;
  readonly #trusted = new Set<string>();

  constructor(platform: Platform) {
    this.#platform = platform;
    this.root = platform.paths.stateDir;
  }

  /**
   * Path of the directory of these names, or of the state directory itself; it may be absent. Throws CniError io,
   * SystemError.
   */
  find(...names: readonly string[]): string {
    let path = this.root;
    let isThere = this.#trust(path, () => requireTrustedPath(this.#platform, path, what));
    for (const name of names) {
      path = `${path}/${name}`;
      if (isThere) isThere = this.#trust(path, () => this.#requirePrivate(path));
    }
    return path;
  }

  /** Whether the directory of these names is there. Throws as `find` does. */
  has(...names: readonly string[]): boolean {
    return this.#trusted.has(this.find(...names));
  }

  /** As `find`; makes absent directories, for root alone, and above the state directory with mode 0755. */
  make(...names: readonly string[]): string {
    let path = this.find();
    if (!this.#trusted.has(path)) {
      this.#platform.makeDir(path, mode);
      this.find();
    }
    for (const name of names) {
      path = `${path}/${name}`;
      // What this process has just made is root's alone.
      const isMade = this.#platform.makeDir(path, mode);
      this.#trust(path, () => isMade || this.#requirePrivate(path));
    }
    return path;
  }

  /** As `make` for a directory that has not been there at the last look; another process may have removed it since. */
  findOrMake(...names: readonly string[]): string {
    const path = [this.root, ...names].join('/');
    return this.#trusted.has(path) ? path : this.make(...names);
  }

  /** Names in a directory, sorted; none if it is absent. Throws CniError io, SystemError. */
  list(...names: readonly string[]): readonly string[] {
    return this.#platform.readDir(this.find(...names)) ?? [];
  }

  /**
   * Names of directories in a directory, those that `isName` takes. A file that root put there is no reason to distrust
   * the rest. Throws as `list` does.
   */
  directories(isName: (name: string) => boolean, ...names: readonly string[]): readonly string[] {
    const above = this.find(...names);
    const isDirectory = (name: string): boolean => this.#platform.stat(`${above}/${name}`)?.kind === 'directory';
    return this.list(...names).filter((name) => isName(name) && isDirectory(name));
  }

  /** False if the directory is absent; then it isn't remembered as trusted, because somebody else may make it later. */
  #trust(path: string, isThere: () => boolean): boolean {
    if (!this.#trusted.has(path) && isThere()) this.#trusted.add(path);
    return this.#trusted.has(path);
  }

  #requirePrivate(path: string): boolean {
    const status = this.#platform.stat(path);
    if (status !== null) requirePrivateDirectory(path, status, what);
    return status !== null;
  }
}
