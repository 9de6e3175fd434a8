/**
 * The one interface to the operating system. Everything is synchronous: a network namespace belongs to a thread, and
 * this program is one thread that lives for milliseconds. Implementations throw `SystemError` for a failed system call.
 */

/** Paths on this node. Environment variables change them, for unusual nodes and tests; a network config never does. */
export interface NodePaths {
  /** `/sys` (DRA_SRIOV_SYSFS) */
  readonly sysfs: string;
  /** `/proc` */
  readonly procfs: string;
  /** `/var/lib/cni/dra-sriov` (DRA_SRIOV_STATE_DIR) */
  readonly stateDir: string;
  /** CDI directories, the more important first: `/var/run/cdi`, `/etc/cdi` (DRA_SRIOV_CDI_DIRS, joined by `:`) */
  readonly cdiDirs: readonly string[];
  /** `/var/run/k8s.cni.cncf.io/devinfo` (DRA_SRIOV_DEVINFO_DIR) */
  readonly devinfoDir: string;
  /** `/var/lib/kubelet` (DRA_SRIOV_KUBELET_DIR) */
  readonly kubeletDir: string;
  /** Files of sriov-cni for its DEL: `/var/lib/cni/sriov` (DRA_SRIOV_SRIOV_CNI_DIR) */
  readonly sriovCniDir: string;
  /** Directory for the log of a network config: `/var/log/dra-sriov` (DRA_SRIOV_LOG_DIR) */
  readonly logDir: string;
  /** Files of Multus about its attachments, and libcni's results: `/var/lib/cni/multus` (DRA_SRIOV_MULTUS_DIR) */
  readonly multusDir: string;
  /** The kubelet's directory with one for each pod, named after it: `/var/log/pods` (DRA_SRIOV_POD_LOG_DIR) */
  readonly podLogDir: string;
}

export type FileKind = 'file' | 'directory' | 'link' | 'other';

/** lstat(2), which describes a link itself, never its target. */
export interface FileStatus {
  readonly kind: FileKind;
  /** Permission bits, `0o600`. */
  readonly mode: number;
  readonly uid: number;
  readonly sizeBytes: number;
  /** Last change of its content, in whole milliseconds since 1970, UTC. */
  readonly modifiedMs: number;
  readonly device: bigint;
  readonly inode: bigint;
}

export interface ProcessRequest {
  /** Absolute path of the executable; no shell, no search. */
  readonly path: string;
  readonly args: readonly string[];
  /** The whole environment of the child. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Limit for the child, after which its process group is killed. */
  readonly timeoutMs: number;
}

export interface ProcessResult {
  /** Exit code, or null when a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  /** The limit passed before the child ended. Processes that hold its output after its end don't count. */
  readonly timedOut: boolean;
  readonly stdout: string;
  /** At most 64 KiB; the rest is dropped. */
  readonly stderr: string;
}

export interface RunningProcess {
  /**
   * Joins the child; a second call gives the same result. Throws SystemError if it could not be started, and EOVERFLOW
   * if it wrote more than 4 MiB to stdout.
   */
  wait(): ProcessResult;
}

/** An open network namespace. */
export interface Netns {
  readonly fd: number;
  readonly device: bigint;
  /** Identifies the namespace until it ends. The kernel may give the number to a later one. */
  readonly inode: bigint;
  close(): void;
}

export interface Datagram {
  readonly bytes: Buffer;
  /** Sender's netlink port; 0 is the kernel. */
  readonly senderPort: number;
}

export type NetlinkProtocol = 'route' | 'rdma';

/** A netlink socket. Knows bytes, not messages; `src/kernel/netlink` does the rest. */
export interface NetlinkSocket {
  /**
   * The number of its network namespace (SO_NETNS_COOKIE, since Linux 5.14) as decimal text. Unlike an inode it is not
   * given again before the next boot. Null if the kernel has none.
   */
  netnsCookie(): string | null;
  send(bytes: Uint8Array): void;
  /** One whole datagram of whatever size, or null if none came within `timeoutMs`. EINTR is retried inside. */
  receive(timeoutMs: number): Datagram | null;
  close(): void;
}

interface ReadOptions {
  readonly maxBytes?: number;
  /** Default true. */
  readonly followLinks?: boolean;
  /** For attributes of sysfs and sysctls, which the kernel gives whole to one read(2), a page at most. */
  readonly atOnce?: boolean;
}

export interface WriteOptions {
  readonly mode: number;
  /**
   * Whether it is on disk afterwards. With 'content' a power cut may leave the file of before, or none, but never one
   * that is cut short, as file systems may that put a name on disk before the content.
   */
  readonly durable: boolean | 'content';
  /** A directory of the same file system. */
  readonly temporaryIn?: string;
}

/** A held flock(2). */
export interface HeldLock {
  /** Never fails. A file that can't be removed stays, and others may lock it. */
  unlock(): void;
}

/**
 * Files whose name has one of the endings and that hold `mark`, in name or content, and one of `texts`, in the content.
 * Of a file that readFile with `maxBytes`, without following links, would refuse the name alone counts: who reads it is
 * told why.
 */
interface FileSearch {
  readonly endings: readonly string[];
  readonly mark: string;
  /** None: whatever is in them. */
  readonly texts: readonly string[];
  /** With one of the endings. */
  readonly maxFiles: number;
  /** Of each. */
  readonly maxBytes: number;
}

export interface Platform {
  /** Arguments without the program's own name. */
  readonly argv: readonly string[];
  /** Absolute path of this executable. */
  readonly executable: string;
  readonly paths: NodePaths;
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string | undefined>>;

  /** All of standard input; throws SystemError EOVERFLOW (errno 75) past `maxBytes`. */
  readStdin(maxBytes: number): Buffer;
  /** Writes all; throws SystemError EPIPE if the reader is gone. */
  writeStdout(text: string): void;
  /** Writes all, or fails in silence, because a log that nobody reads is no reason to fail. */
  writeStderr(text: string): void;
  /** True if the stream is a terminal. */
  isTerminal(stream: 'stdout' | 'stderr'): boolean;
  /** Number of the terminal's columns; null if it doesn't tell, or the stream is no terminal. */
  terminalColumns(stream: 'stdout' | 'stderr'): number | null;
  exit(code: number): never;
  /**
   * From now on SIGHUP, SIGINT and SIGTERM don't end this process, which has something to put back first and looks at
   * signalCame.
   */
  holdSignals(): void;
  /** Whether one of these signals has come since. Always false on Node, which tells synchronous code of no signal. */
  signalCame(): boolean;

  monotonicMs(): number;
  /** Milliseconds since 1970, UTC. */
  epochMs(): number;
  sleepMs(ms: number): void;
  /** `/proc/sys/kernel/random/boot_id`, without the line end. */
  bootId(): string;
  /** getpid(2), for records and logs. */
  readonly pid: number;

  /**
   * Whole file as bytes; null when absent (ENOENT, ENOTDIR, ENAMETOOLONG); SystemError EOVERFLOW past `maxBytes`
   * (default 1 MiB), ELOOP/EINVAL on what is no regular file. Never blocks on a FIFO.
   */
  readFile(path: string, options?: ReadOptions): Buffer | null;
  /**
   * Names, sorted, of the files in a directory that a search is for: hundreds are looked through for less than it takes
   * to read each. Null when the directory is absent; SystemError EOVERFLOW past `maxFiles`.
   */
  searchFiles(directory: string, search: FileSearch): readonly string[] | null;
  /**
   * `.dra-sriov-PID-N.tmp` in the same directory or in `temporaryIn`, mode as given, rename; `durable` adds fsync of
   * file and directory, or of the file alone.
   */
  writeFileAtomic(path: string, content: string, options: WriteOptions): void;
  /**
   * Copies a regular file of whatever size (a link is followed) as writeFileAtomic writes: `to` is the old file or the
   * whole new one. Durable.
   */
  copyFileAtomic(from: string, to: string, mode: number): void;
  /** Writes to an existing sysfs or procfs file (open, write once, close). */
  writeSystemFile(path: string, content: string): void;
  /** Appends to a log file: O_APPEND|O_CREAT|O_NOFOLLOW, mode 0600. */
  appendFile(path: string, content: string): void;
  /** Names, sorted; null when the directory is absent. */
  readDir(path: string): readonly string[] | null;
  /** Target of a symbolic link; null when absent or no link. */
  readLink(path: string): string | null;
  /** lstat; null when absent. */
  stat(path: string): FileStatus | null;
  /** True if the path (links followed) is a regular file that this process may execute. */
  isExecutable(path: string): boolean;
  /**
   * Opens a device for reading and writing and closes it. True if that is refused with EBUSY, false whatever else
   * happens.
   */
  isBusy(path: string): boolean;
  /** mkdir -p; the directory gets `mode`, and those above it that were absent 0755. False when it was there. */
  makeDir(path: string, mode: number): boolean;
  /** False when it was absent. */
  unlink(path: string): boolean;
  /** rename(2) within a directory tree of ours. */
  rename(from: string, to: string): void;
  /** rmdir(2); false when there is no such directory or it is not empty. */
  removeDir(path: string): boolean;
  /**
   * flock(2) on `path`, never through a link. Null if another process holds it for `timeoutMs`. With a `note` the file
   * is made with 0600 if it is absent, and gets the note, by which a waiter can name the holder. unlock() unlinks such
   * a file; taking the lock copes with that by comparing inodes. Without a note (null) the file or directory is opened
   * for reading as it is, and stays; SystemError ENOENT if there is none.
   */
  lock(path: string, timeoutMs: number, note: string | null): HeldLock | null;

  /**
   * The child inherits this process's locks, and nothing else, until it ends: if we are killed, nobody works beside an
   * IPAM plugin that lives on.
   */
  startProcess(request: ProcessRequest): RunningProcess;

  /** This process's own network namespace; opened once. */
  ownNetns(): Netns;
  /** Opens a namespace by path; null when absent. SystemError EINVAL if the file is no network namespace. */
  openNetns(path: string): Netns | null;
  /**
   * A socket inside `netns` (default: the own one), member of `groups` (RTMGRP_* bits), for routes by default. The
   * thread is back in its own namespace afterwards. SystemError EPROTONOSUPPORT where the kernel has no such protocol.
   */
  openNetlink(netns?: Netns, groups?: number, protocol?: NetlinkProtocol): NetlinkSocket;
  /**
   * Runs `task` inside `netns`, for what heeds the thread's namespace (sysctls, RDMA); it may not return a promise.
   * Where the thread can't come back, that is thrown, and what runs next enters its own namespace first.
   */
  inNetns<T>(netns: Netns, task: () => T): T;
  /** Raw frames out of an interface (AF_PACKET, SOCK_RAW), one after the other; ends with the first that fails. */
  sendFrames(netns: Netns, ifindex: number, frames: readonly Uint8Array[]): void;
  /**
   * Requests of linux/ethtool.h to a netdev (SIOCETHTOOL), one after the other. Each is its struct, as long as its
   * fields say, and comes back as the kernel has filled it, or is the errno with which it was refused: ENODEV,
   * EOPNOTSUPP, ... Throws ENODEV for what can't be a name.
   */
  ethtool(netns: Netns, ifname: string, requests: readonly Uint8Array[]): (Buffer | number)[];
}
