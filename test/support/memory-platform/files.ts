import { isSystemError, SystemError } from '../../../src/lib/system-error.ts';
import type { FileKind, FileStatus, Platform } from '../../../src/platform/platform.ts';
import { errno, type FileTree, parentOf } from './file-tree.ts';

const defaultMaxBytes = 1024 * 1024;

export type FileOperation =
  | 'readFile'
  | 'writeFileAtomic'
  | 'copyFileAtomic'
  | 'writeSystemFile'
  | 'appendFile'
  | 'readDir'
  | 'readLink'
  | 'stat'
  | 'isExecutable'
  | 'makeDir'
  | 'unlink'
  | 'rename'
  | 'removeDir'
  | 'lock';

/** Throws where the test asked for a failure of this operation on this path. */
export type FailurePoint = (operation: FileOperation, path: string) => void;

/** Null for ENOENT and ENOTDIR. */
export function nullIfAbsent<T>(look: () => T): T | null {
  try {
    return look();
  } catch (thrown) {
    if (isSystemError(thrown, 'ENOENT', 'ENOTDIR')) return null;
    throw thrown;
  }
}

type Readers = Pick<Platform, 'readFile' | 'searchFiles' | 'readDir' | 'readLink' | 'stat' | 'isExecutable' | 'isBusy'>;

function readRegularFile(tree: FileTree, path: string, followLinks: boolean, maxBytes: number): Buffer {
  const what = `read ${path}`;
  const at = tree.resolve(what, path, followLinks);
  const kind = tree.kindOf(at);
  if (kind === null) throw new SystemError(what, errno.ENOENT);
  if (kind === 'link') throw new SystemError(what, errno.ELOOP);
  if (kind !== 'file') throw new SystemError(what, errno.EINVAL, `a ${kind}, not a regular file`);
  const bytes = Buffer.from(tree.files.get(at) ?? '');
  if (bytes.length > maxBytes) throw new SystemError(what, errno.EOVERFLOW, `more than ${maxBytes} bytes`);
  return bytes;
}

function statusOf(tree: FileTree, path: string): FileStatus | null {
  const at = tree.resolve(`stat ${path}`, path, false);
  const kind = tree.kindOf(at);
  if (kind === null) return null;
  const usual: Record<FileKind, number> = { link: 0o777, directory: 0o755, file: 0o644, other: 0o644 };
  const content = tree.files.get(at) ?? tree.links.get(at) ?? '';
  return {
    kind,
    mode: tree.modes.get(at) ?? (tree.executables.has(at) ? 0o755 : usual[kind]),
    uid: tree.owners.get(at) ?? 0,
    sizeBytes: Buffer.from(content).length,
    modifiedMs: tree.modified.get(at) ?? 0,
    device: 1n,
    inode: tree.inodeOf(at),
  };
}

export function createMemoryReaders(tree: FileTree, failurePoint: FailurePoint): Readers {
  const readFile: Platform['readFile'] = (path, { maxBytes = defaultMaxBytes, followLinks = true } = {}) => {
    failurePoint('readFile', path);
    return nullIfAbsent(() => readRegularFile(tree, path, followLinks, maxBytes));
  };
  const readDir: Platform['readDir'] = (path) => {
    failurePoint('readDir', path);
    return nullIfAbsent(() => {
      const at = tree.resolve(`list ${path}`, path);
      return tree.kindOf(at) === 'directory' ? tree.namesIn(at) : null;
    });
  };
  return {
    readFile,
    searchFiles(directory, { endings, mark, texts, maxFiles, maxBytes }) {
      const names = readDir(directory)?.filter((name) => endings.some((ending) => name.endsWith(ending))) ?? null;
      if (names !== null && names.length > maxFiles) throw new SystemError(`list ${directory}`, errno.EOVERFLOW);
      const finds = (name: string): boolean => {
        const isMarked = name.includes(mark);
        try {
          const content = readFile(`${directory}/${name}`, { maxBytes, followLinks: false })?.toString('utf8');
          if (content === undefined || !(isMarked || content.includes(mark))) return isMarked;
          return texts.length === 0 || texts.some((text) => content.includes(text));
        } catch (thrown) {
          if (isSystemError(thrown)) return isMarked;
          throw thrown;
        }
      };
      return names?.filter(finds) ?? null;
    },
    readDir,
    readLink(path) {
      failurePoint('readLink', path);
      return nullIfAbsent(() => tree.links.get(tree.resolve(`read link ${path}`, path, false)) ?? null);
    },
    stat(path) {
      failurePoint('stat', path);
      return nullIfAbsent(() => statusOf(tree, path));
    },
    isExecutable(path) {
      failurePoint('isExecutable', path);
      return nullIfAbsent(() => tree.executables.has(tree.resolve(`stat ${path}`, path))) ?? false;
    },
    isBusy: (path) => tree.busy.has(path),
  };
}

/** The canonical path at which an entry named `path` is or would be; its directory must be there. */
export function place(tree: FileTree, what: string, path: string): string {
  const at = tree.resolve(what, path, false);
  if (tree.kindOf(parentOf(at)) !== 'directory') throw new SystemError(what, errno.ENOENT);
  return at;
}

function append(tree: FileTree, path: string, content: string): void {
  const what = `append to ${path}`;
  const at = place(tree, what, path);
  const kind = tree.kindOf(at);
  if (kind === 'link') throw new SystemError(what, errno.ELOOP);
  if (kind === 'directory') throw new SystemError(what, errno.EISDIR);
  if (kind === null) tree.modes.set(at, 0o600);
  tree.files.set(at, (tree.files.get(at) ?? '') + content);
}

function makeDirs(tree: FileTree, path: string, mode: number): boolean {
  const what = `make directory ${path}`;
  const at = tree.resolve(what, path);
  const missing: string[] = [];
  for (let step = at; tree.kindOf(step) !== 'directory'; step = parentOf(step)) {
    if (tree.kindOf(step) !== null) throw new SystemError(what, step === at ? errno.EEXIST : errno.ENOTDIR);
    missing.push(step);
  }
  for (const step of missing) {
    tree.directories.add(step);
    tree.modes.set(step, step === at ? mode : 0o755);
  }
  return missing.length > 0;
}

function rename(tree: FileTree, from: string, to: string): void {
  const what = `rename ${from} to ${to}`;
  const source = tree.resolve(what, from, false);
  const target = place(tree, what, to);
  const [sourceKind, targetKind] = [tree.kindOf(source), tree.kindOf(target)];
  if (sourceKind === null) throw new SystemError(what, errno.ENOENT);
  if (source === target) return;
  if (target.startsWith(`${source}/`)) throw new SystemError(what, errno.EINVAL);
  if (targetKind === 'directory') {
    if (sourceKind !== 'directory') throw new SystemError(what, errno.EISDIR);
    if (tree.namesIn(target).length > 0) throw new SystemError(what, errno.ENOTEMPTY);
  } else if (targetKind !== null && sourceKind === 'directory') throw new SystemError(what, errno.ENOTDIR);
  tree.remove(target);
  tree.move(source, target);
}

/** Executable where the mode says so. */
function replaceFile(tree: FileTree, what: string, path: string, content: string, mode: number): void {
  const at = place(tree, what, path);
  if (tree.kindOf(at) === 'directory') throw new SystemError(what, errno.EISDIR);
  tree.remove(at);
  tree.files.set(at, content);
  tree.modes.set(at, mode);
  if ((mode & 0o111) !== 0) tree.executables.add(at);
}

type Writers = Pick<
  Platform,
  | 'writeFileAtomic'
  | 'copyFileAtomic'
  | 'writeSystemFile'
  | 'appendFile'
  | 'makeDir'
  | 'unlink'
  | 'rename'
  | 'removeDir'
>;

export function createMemoryWriters(
  tree: FileTree,
  failurePoint: FailurePoint,
  onSystemWrite: (path: string, content: string) => void,
): Writers {
  return {
    writeFileAtomic(path, content, { mode }) {
      failurePoint('writeFileAtomic', path);
      replaceFile(tree, `write ${path}`, path, content, mode);
    },
    copyFileAtomic(from, to, mode) {
      failurePoint('copyFileAtomic', to);
      const what = `copy ${from} to ${to}`;
      const source = tree.resolve(what, from);
      const content = tree.files.get(source);
      if (content === undefined)
        throw new SystemError(what, tree.kindOf(source) === null ? errno.ENOENT : errno.EINVAL);
      replaceFile(tree, what, to, content, mode);
    },
    writeSystemFile(path, content) {
      failurePoint('writeSystemFile', path);
      const what = `write ${path}`;
      const at = tree.resolve(what, path);
      const kind = tree.kindOf(at);
      if (kind === null) throw new SystemError(what, errno.ENOENT);
      if (kind === 'directory') throw new SystemError(what, errno.EISDIR);
      tree.files.set(at, content);
      onSystemWrite(path, content);
    },
    appendFile(path, content) {
      failurePoint('appendFile', path);
      append(tree, path, content);
    },
    makeDir(path, mode) {
      failurePoint('makeDir', path);
      return makeDirs(tree, path, mode);
    },
    unlink(path) {
      failurePoint('unlink', path);
      const what = `unlink ${path}`;
      const at = nullIfAbsent(() => tree.resolve(what, path, false));
      const kind = at === null ? null : tree.kindOf(at);
      if (at === null || kind === null) return false;
      if (kind === 'directory') throw new SystemError(what, errno.EISDIR);
      tree.remove(at);
      return true;
    },
    rename(from, to) {
      failurePoint('rename', from);
      rename(tree, from, to);
    },
    removeDir(path) {
      failurePoint('removeDir', path);
      const what = `remove directory ${path}`;
      const at = nullIfAbsent(() => tree.resolve(what, path, false));
      const kind = at === null ? null : tree.kindOf(at);
      if (at === null || kind !== 'directory') return false;
      if (tree.namesIn(at).length > 0) return false;
      tree.remove(at);
      return true;
    },
  };
}
