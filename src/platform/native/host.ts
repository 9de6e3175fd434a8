import type { EndedProcess } from '../processes.ts';

/** What is no UTF-8 comes as its bytes; in a path that is handed over, lib/byte-text.ts stands for them. */
export type Name = string | ArrayBuffer;

/**
 * What the native host (native/src/host.rs) gives JavaScript. A function that fails throws a HostError; descriptors are
 * numbers that only the host's own functions take.
 */
export interface Host {
  argv(): string[];
  environment(): Record<string, string>;
  executable(): Name;
  readonly pid: number;
  exit(code: number): void;
  /** After so long the process writes this to stdout and ends with 1, whatever it waits for. */
  limitRun(seconds: number, lastWords: string): void;
  monotonicMs(): number;
  sleepMs(ms: number): void;
  readStdin(maxBytes: number): ArrayBuffer;
  writeStdout(text: string): void;
  writeStderr(text: string): void;
  isTerminal(stream: 'stdout' | 'stderr'): boolean;

  /** Runs a part of the program, when it is first asked for, and returns its exports. */
  loadPart(name: string): unknown;
  encodeUtf8(text: string): ArrayBuffer;
  decodeUtf8(bytes: Uint8Array): string;

  readFile(path: string, maxBytes: number, followLinks: boolean): ArrayBuffer;
  filesHolding(directory: string, names: readonly string[], text: string, maxBytes: number): Name[];
  writeFileAtomic(path: string, content: string, mode: number, durable: boolean): void;
  copyFileAtomic(from: string, to: string, mode: number): void;
  writeSystemFile(path: string, content: string): void;
  appendFile(path: string, content: string): void;
  /** In no order. */
  readDir(path: string): Name[];
  readLink(path: string): Name;
  /** Kind, mode, uid, size, device, inode; the last two as decimal text. */
  lstat(
    path: string,
  ): [kind: string, mode: number, uid: number, size: number, modifiedMs: number, device: string, inode: string];
  isExecutable(path: string): boolean;
  /** Never fails. */
  isBusy(path: string): boolean;
  makeDir(path: string, mode: number): void;
  unlink(path: string): void;
  rename(from: string, to: string): void;
  removeDir(path: string): void;

  /** The lock's number; undefined where it is held for that long. Without a note: on what exists. */
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
  /** Once a child. */
  waitProcess(child: number): EndedProcess;

  openNetns(path: string): number;
  /** Device and inode as decimal text. */
  identity(fd: number): [device: string, inode: string];
  enterNetns(fd: number): void;
  openNetlink(groups: number, protocol: number): number;
  netlinkPort(fd: number): number;
  /** As decimal text; undefined where the kernel has none. */
  netnsCookie(fd: number): string | undefined;
  send(fd: number, bytes: Uint8Array): void;
  receive(fd: number, timeoutMs: number): [bytes: ArrayBuffer, senderPort: number] | undefined;
  close(fd: number): void;
  sendFrames(ifindex: number, frames: readonly Uint8Array[]): void;
  /** Of each request the bytes that came back, or the errno. */
  ethtool(ifname: string, requests: readonly Uint8Array[]): (ArrayBuffer | number)[];
}

export interface HostError {
  readonly errno: number;
  /** '' where errno says it all. */
  readonly detail: string;
}
