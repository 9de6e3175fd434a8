import { SystemError } from '../../src/lib/system-error.ts';
import { defaultNodePaths } from '../../src/platform/node-paths.ts';
import type {
  NetlinkProtocol,
  NetlinkSocket,
  Netns,
  NodePaths,
  Platform,
  ProcessRequest,
  ProcessResult,
} from '../../src/platform/platform.ts';
import { errno, FileTree } from './memory-platform/file-tree.ts';
import {
  createMemoryReaders,
  createMemoryWriters,
  type FailurePoint,
  type FileOperation,
} from './memory-platform/files.ts';
import { createMemoryLock } from './memory-platform/lock.ts';
import { createMemoryNamespaces, type NetnsIdentity } from './memory-platform/namespaces.ts';
import { createMemoryProcesses } from './memory-platform/processes.ts';
import { createMemoryStreams } from './memory-platform/streams.ts';

export type { FileOperation } from './memory-platform/files.ts';

export { MemoryExit } from './memory-platform/streams.ts';

export interface MemoryPlatformOptions {
  /** Path -> content. The path may lead through `links`. */
  readonly files?: Readonly<Record<string, string>>;
  /** Symbolic links: path -> target, absolute or relative to the link's directory, as in sysfs. */
  readonly links?: Readonly<Record<string, string>>;
  /** Executable files; empty unless `files` has them. */
  readonly executables?: readonly string[];
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly argv?: readonly string[];
  readonly paths?: Partial<NodePaths>;
  readonly stdin?: string;
  /** Plays every child process; called when it is started. Without it, none can be started (ENOENT). */
  readonly processes?: (request: ProcessRequest) => ProcessResult;
  /** Opens netlink sockets; undefined is the own namespace. */
  readonly netlink?: (netns: Netns | undefined, groups: number, protocol: NetlinkProtocol) => NetlinkSocket;
  readonly netnsPaths?: Readonly<Record<string, NetnsIdentity>>;
  readonly ownNetns?: NetnsIdentity;
  readonly bootId?: string;
  /** stdout and stderr are terminals. */
  readonly terminal?: boolean;
  /** Answers an ethtool request; without it each is refused with EOPNOTSUPP. */
  readonly ethtool?: (netns: Netns, ifname: string, request: Buffer) => Buffer | number;
}

interface SentFrame {
  readonly netns: Netns;
  readonly ifindex: number;
  readonly frame: Buffer;
}

/** A write to sysfs or procfs, with its namespace (null: the own one). */
interface SystemWrite {
  readonly netns: Netns | null;
  readonly path: string;
  readonly content: string;
}

/** A platform without an operating system, for unit tests. All maps may be changed by the test at any time. */
export interface MemoryPlatform extends Platform {
  /** By canonical path: no link on the way. */
  readonly files: Map<string, string>;
  readonly links: Map<string, string>;
  readonly executables: Set<string>;
  /** Devices that are refused with EBUSY. */
  readonly busy: Set<string>;
  /** Permission bits that are not the usual ones. */
  readonly modes: Map<string, number>;
  /** User IDs that are not root's. */
  readonly owners: Map<string, number>;
  /** Times of changes of files, in milliseconds since 1970; else 0. */
  readonly modified: Map<string, number>;
  readonly netnsPaths: Map<string, NetnsIdentity>;
  readonly stdout: string;
  readonly stderr: string;
  /** Null until exit(). */
  readonly exitCode: number | null;
  /** Namespace of the task of inNetns; null: the own one. */
  readonly currentNetns: Netns | null;
  readonly frames: readonly SentFrame[];
  /** In the order they were made. */
  readonly systemWrites: readonly SystemWrite[];
  /** In the order they were started. */
  readonly startedProcesses: readonly ProcessRequest[];
  /** Opened by openNetns and not closed yet. */
  readonly openNamespaces: ReadonlySet<Netns>;
  /** Path -> note of every held lock; a test that adds an entry plays another holder. */
  readonly heldLocks: Map<string, string>;
  /** Virtual time, advanced by sleepMs and by the test. */
  readonly clock: { nowMs: number };
  /** Lets the next `operation` on a path that starts with `pathPrefix` throw a SystemError, once. Calls add up. */
  failNext(operation: FileOperation, pathPrefix: string, errnoToThrow: number): void;
}

const usualOwnNetns: NetnsIdentity = { device: 4n, inode: 4026531840n };
/** Shows all processes of the node. */
const usualLinks = { '/proc/self/ns/pid': 'pid:[4026531836]' };
const epochOfClockMs = Date.UTC(2026, 0, 1);

function createTree(options: MemoryPlatformOptions): FileTree {
  const tree = new FileTree();
  for (const [path, target] of Object.entries({ ...usualLinks, ...options.links })) tree.links.set(path, target);
  for (const [path, content] of Object.entries(options.files ?? {})) {
    tree.files.set(tree.resolve(`place ${path}`, path), content);
  }
  for (const path of options.executables ?? []) {
    const at = tree.resolve(`place ${path}`, path);
    tree.executables.add(at);
    if (!tree.files.has(at)) tree.files.set(at, `program ${at}`);
  }
  return tree;
}

interface PlannedFailure {
  readonly operation: FileOperation;
  readonly pathPrefix: string;
  readonly errno: number;
}

function createFailures(): { readonly planned: PlannedFailure[]; readonly failurePoint: FailurePoint } {
  const planned: PlannedFailure[] = [];
  const failurePoint: FailurePoint = (operation, path) => {
    const at = planned.findIndex((failure) => failure.operation === operation && path.startsWith(failure.pathPrefix));
    const [failure] = at === -1 ? [] : planned.splice(at, 1);
    if (failure !== undefined) throw new SystemError(`${operation} ${path}`, failure.errno);
  };
  return { planned, failurePoint };
}

/** A platform whose files, clock, streams and children are the test's own. */
export function createMemoryPlatform(options: MemoryPlatformOptions = {}): MemoryPlatform {
  const tree = createTree(options);
  const { planned, failurePoint } = createFailures();
  const { current, ...namespaces } = createMemoryNamespaces(
    options.netnsPaths ?? {},
    options.ownNetns ?? usualOwnNetns,
    tree,
  );
  const { written, ...streams } = createMemoryStreams(options.stdin ?? '', options.terminal ?? false);
  const clock = { nowMs: 0 };
  const heldLocks = new Map<string, string>();
  const frames: SentFrame[] = [];
  const systemWrites: SystemWrite[] = [];
  const startedProcesses: ProcessRequest[] = [];
  const sleepMs = (ms: number): void => {
    clock.nowMs += ms;
  };
  return {
    argv: options.argv ?? [],
    executable: '/opt/cni/bin/dra-sriov',
    paths: { ...defaultNodePaths, ...options.paths },
    environment: options.environment ?? {},
    pid: 4242,
    monotonicMs: () => clock.nowMs,
    epochMs: () => epochOfClockMs + clock.nowMs,
    sleepMs,
    bootId: () => options.bootId ?? '6d1ff1f4-0f0e-4a3e-9a43-7f0e8a3f0001',
    ...streams,
    ...namespaces,
    ...createMemoryReaders(tree, failurePoint),
    ...createMemoryWriters(tree, failurePoint, (path, content) => {
      systemWrites.push({ netns: current(), path, content });
    }),
    ...createMemoryProcesses(options.processes, startedProcesses),
    lock: createMemoryLock(tree, failurePoint, heldLocks, sleepMs),
    openNetlink(netns, groups = 0, protocol = 'route') {
      if (options.netlink === undefined) throw new Error('this memory platform was given no netlink');
      return options.netlink(netns, groups, protocol);
    },
    sendFrames(netns, ifindex, sent) {
      frames.push(...sent.map((frame) => ({ netns, ifindex, frame: Buffer.from(frame) })));
    },
    ethtool(netns, ifname, requests) {
      return requests.map((request) => options.ethtool?.(netns, ifname, Buffer.from(request)) ?? errno.EOPNOTSUPP);
    },
    files: tree.files,
    links: tree.links,
    executables: tree.executables,
    busy: tree.busy,
    modes: tree.modes,
    owners: tree.owners,
    modified: tree.modified,
    frames,
    systemWrites,
    startedProcesses,
    heldLocks,
    clock,
    get currentNetns() {
      return current();
    },
    get stdout() {
      return written.stdout;
    },
    get stderr() {
      return written.stderr;
    },
    get exitCode() {
      return written.exitCode;
    },
    failNext(operation, pathPrefix, errnoToThrow) {
      planned.push({ operation, pathPrefix, errno: errnoToThrow });
    },
  };
}
