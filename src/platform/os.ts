import type { SystemFailure } from '../lib/system-error.ts';

/**
 * The host returns a name that isn't UTF-8 as bytes. It is given such a name as a text of lib/byte-text.ts.
 */
export type Name = string | ArrayBuffer;

/** How a child ended, and its output; `status` or `signal` is undefined. */
export type EndedProcess = readonly [
  status: number | undefined,
  signal: number | undefined,
  timedOut: boolean,
  stdout: string,
  stderr: string,
];

/** Device and inode as decimal text. */
type Identity = readonly [device: string, inode: string];

/** What lstat(2) tells. */
export type Status = readonly [
  kind: string,
  mode: number,
  uid: number,
  size: number,
  modifiedMs: number,
  ...identity: Identity,
];

/** Result of a function that often fails. It may return its failure, as an engine writes a trace of what is thrown. */
type Told<T> = T | SystemFailure;

/**
 * The system calls that a host provides. Calls that belong together are one function, because on QuickJS a crossing
 * into native code costs more than the call. `Platform` documents what they mean. A function that fails throws what
 * `failureOf` (lib/system-error.ts) takes for a failed system call. Descriptors, locks and children are numbers that
 * only the host's own functions take.
 */
export interface Os {
  /** Without the program's own name. */
  argv(): readonly string[];
  environment(): Readonly<Record<string, string | undefined>>;
  /** Absolute path of this executable. */
  executable(): Name;
  readonly pid: number;
  exit(code: number): void;
  holdSignals(): void;
  signalCame(): boolean;
  monotonicMs(): number;
  sleepMs(ms: number): void;

  /** EOVERFLOW past `maxBytes`; EBADF if it is closed. */
  readStdin(maxBytes: number): ArrayBuffer;
  writeStdout(text: string): void;
  writeStderr(text: string): void;
  /** 0 for a terminal that doesn't tell its width; undefined for a stream that is no terminal. */
  terminalColumns(stream: 'stdout' | 'stderr'): number | undefined;

  /** EOVERFLOW past `maxBytes`. `atOnce`: one read(2) gives all, so a host needs no look at the file's size. */
  readFile(path: string, maxBytes: number, followLinks: boolean, atOnce: boolean): Told<ArrayBuffer>;
  /** In no order; see `FileSearch`. EOVERFLOW past `maxFiles`. */
  searchFiles(
    directory: string,
    endings: readonly string[],
    mark: string,
    texts: readonly string[],
    maxFiles: number,
    maxBytes: number,
  ): Told<Name[]>;
  writeFileAtomic(
    path: string,
    content: string,
    mode: number,
    syncsContent: boolean,
    syncsName: boolean,
    temporaryIn?: string,
  ): void;
  copyFileAtomic(from: string, to: string, mode: number): void;
  writeSystemFile(path: string, content: string): void;
  appendFile(path: string, content: string): void;
  /** In no order. */
  readDir(path: string): Told<Name[]>;
  readLink(path: string): Told<Name>;
  lstat(path: string): Told<Status>;
  isExecutable(path: string): Told<boolean>;
  /** Never fails. */
  isBusy(path: string): boolean;
  /** False for a directory that was there. */
  makeDir(path: string, mode: number): boolean;
  unlink(path: string): Told<void>;
  rename(from: string, to: string): void;
  removeDir(path: string): Told<void>;

  /** The lock's number; undefined if somebody holds it for that long. Without a note the file must exist. */
  lock(path: string, timeoutMs: number, note: string | undefined): number | undefined;
  /** Never fails. */
  unlock(path: string, lock: number): void;

  startProcess(
    path: string,
    args: readonly string[],
    env: Readonly<Record<string, string>>,
    stdin: string,
    timeoutMs: number,
  ): number;
  /** May be called once for each child. */
  waitProcess(child: number): EndedProcess;

  openNetns(path: string): Told<number>;
  identity(fd: number): Identity;
  enterNetns(fd: number): void;
  /** Opens in the namespace that the thread is in. `protocol`: NETLINK_*; `groups`: RTMGRP_* bits. */
  openNetlink(groups: number, protocol: number): number;
  /** As decimal text; undefined if the kernel has none. */
  netnsCookie(fd: number): string | undefined;
  send(fd: number, bytes: Uint8Array): void;
  receive(fd: number, timeoutMs: number): readonly [bytes: ArrayBuffer, senderPort: number] | undefined;
  close(fd: number): void;
  sendFrames(ifindex: number, frames: readonly Uint8Array[]): void;
  /** In the namespace of a socket. For each request the bytes that came back, or the errno. */
  ethtool(fd: number, ifname: string, requests: readonly Uint8Array[]): readonly (ArrayBuffer | number)[];
}

/** The functions that native/src/host.rs provides. */
export interface NativeOs extends Os {
  /** After that time the process writes `lastWords` to stdout and ends with 1, whatever it waits for. */
  limitRun(seconds: number, lastWords: string): void;
  /** Runs a part of the program at the first call, and returns its exports. */
  loadPart(name: string): unknown;
  encodeUtf8(text: string): ArrayBuffer;
  decodeUtf8(bytes: Uint8Array): string;
}
