import { SystemError } from '../../../src/lib/system-error.ts';
import type { FileKind } from '../../../src/platform/platform.ts';

const maxLinks = 40;
export const errno = {
  ENOENT: 2,
  EACCES: 13,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOTEMPTY: 39,
  ELOOP: 40,
  EOVERFLOW: 75,
  EOPNOTSUPP: 95,
} as const;

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

function join(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/**
 * The files, links and directories of a memory platform, by canonical absolute path (no link, `.` or `..` on the way).
 * The maps may be changed from outside at any time; directories on the way to an entry exist by themselves.
 */
export class FileTree {
  readonly files = new Map<string, string>();
  readonly links = new Map<string, string>();
  readonly directories = new Set<string>(['/']);
  readonly modes = new Map<string, number>();
  readonly owners = new Map<string, number>();
  /** Milliseconds since 1970, where a test cares; else 0. */
  readonly modified = new Map<string, number>();
  readonly executables = new Set<string>();
  /** Devices that somebody has open, and nobody else may. */
  readonly busy = new Set<string>();
  readonly #inodes = new Map<string, bigint>();
  #nextInode = 1000n;

  /**
   * Follows every link on the way and, unless `followLast` is false, the last one. Throws ELOOP after 40 links and
   * ENOTDIR below a file.
   */
  resolve(what: string, path: string, followLast = true): string {
    if (!path.startsWith('/')) throw new Error(`the memory platform takes absolute paths only, not '${path}'`);
    const rest = path.split('/');
    let seenLinks = 0;
    let at = '/';
    while (rest.length > 0) {
      const name = rest.shift();
      if (name === undefined || name === '' || name === '.') continue;
      if (this.files.has(at)) throw new SystemError(what, errno.ENOTDIR);
      if (name === '..') {
        at = parentOf(at);
        continue;
      }
      const next = join(at, name);
      const target = this.links.get(next);
      if (target === undefined || (!followLast && rest.length === 0)) {
        at = next;
        continue;
      }
      if (++seenLinks > maxLinks) throw new SystemError(what, errno.ELOOP);
      rest.unshift(...target.split('/'));
      if (target.startsWith('/')) at = '/';
    }
    return at;
  }

  /** What lies at a canonical path; null for nothing. */
  kindOf(at: string): FileKind | null {
    if (this.links.has(at)) return 'link';
    if (this.files.has(at)) return 'file';
    return this.directories.has(at) || this.#hasEntryBelow(at) ? 'directory' : null;
  }

  /** Names in a directory, sorted by code unit. */
  namesIn(at: string): string[] {
    const prefix = at === '/' ? '/' : `${at}/`;
    const names = new Set<string>();
    for (const path of this.#paths()) {
      const name = path.startsWith(prefix) ? path.slice(prefix.length).split('/')[0] : undefined;
      if (name !== undefined && name !== '') names.add(name);
    }
    return [...names].sort();
  }

  inodeOf(at: string): bigint {
    const known = this.#inodes.get(at);
    if (known !== undefined) return known;
    const inode = this.#nextInode++;
    this.#inodes.set(at, inode);
    return inode;
  }

  /** Removes what lies at a canonical path; its directory stays although nothing may imply it any more. */
  remove(at: string): void {
    this.directories.add(parentOf(at));
    this.files.delete(at);
    this.links.delete(at);
    this.directories.delete(at);
    this.modes.delete(at);
    this.owners.delete(at);
    this.modified.delete(at);
    this.executables.delete(at);
    this.#inodes.delete(at);
  }

  /** Moves an entry and all below it. */
  move(from: string, to: string): void {
    const renamed = (path: string): string | null => {
      if (path === from) return to;
      return path.startsWith(`${from}/`) ? to + path.slice(from.length) : null;
    };
    const moveKeys = <V>(map: Map<string, V>): void => {
      for (const [path, value] of [...map]) {
        const target = renamed(path);
        if (target === null) continue;
        map.delete(path);
        map.set(target, value);
      }
    };
    this.directories.add(parentOf(from));
    moveKeys(this.files);
    moveKeys(this.links);
    moveKeys(this.modes);
    moveKeys(this.owners);
    moveKeys(this.modified);
    moveKeys(this.#inodes);
    for (const set of [this.directories, this.executables]) {
      for (const path of [...set]) {
        const target = renamed(path);
        if (target === null) continue;
        set.delete(path);
        set.add(target);
      }
    }
  }

  #hasEntryBelow(at: string): boolean {
    for (const path of this.#paths()) if (path.startsWith(`${at}/`)) return true;
    return false;
  }

  *#paths(): Generator<string> {
    yield* this.files.keys();
    yield* this.links.keys();
    yield* this.directories;
  }
}
