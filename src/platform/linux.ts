import { textFromBytes } from '../lib/byte-text.ts';
import { errno, isSystemError } from '../lib/system-error.ts';
import { createNetwork } from './network.ts';
import { nodePathsFrom } from './node-paths.ts';
import type { EndedProcess, Name, Os, Status } from './os.ts';
import type { FileKind, FileStatus, Platform, ProcessResult, RunningProcess } from './platform.ts';
import { absent, nullOn, systemCall } from './system-call.ts';

const defaultMaxBytes = 1024 * 1024;

function textOf(name: Name): string {
  return typeof name === 'string' ? name : textFromBytes(Buffer.from(name));
}

type Streams = Pick<
  Platform,
  'readStdin' | 'writeStdout' | 'writeStderr' | 'isTerminal' | 'terminalColumns' | 'exit' | 'holdSignals' | 'signalCame'
>;

function createStreams(os: Os): Streams {
  return {
    readStdin(maxBytes) {
      // A closed stdin counts as an empty one.
      const bytes = nullOn([errno.EBADF], 'read stdin', () => os.readStdin(maxBytes), maxBytes);
      return bytes === null ? Buffer.alloc(0) : Buffer.from(bytes);
    },
    writeStdout: (text) => systemCall('write to stdout', () => os.writeStdout(text)),
    writeStderr(text) {
      try {
        systemCall('write to stderr', () => os.writeStderr(text));
      } catch (thrown) {
        // A log that nobody reads is no reason to fail an attachment.
        if (!isSystemError(thrown)) throw thrown;
      }
    },
    isTerminal: (stream) => os.terminalColumns(stream) !== undefined,
    terminalColumns: (stream) => os.terminalColumns(stream) || null,
    exit(code): never {
      os.exit(code);
      throw new Error('the process outlived its end');
    },
    holdSignals: () => os.holdSignals(),
    signalCame: () => os.signalCame(),
  };
}

function sorted(names: readonly Name[] | null): readonly string[] | null {
  return names === null ? null : names.map(textOf).sort();
}

function statusOf([kind, mode, uid, sizeBytes, modifiedMs, device, inode]: Status): FileStatus {
  return { kind: kind as FileKind, mode, uid, sizeBytes, modifiedMs, device: BigInt(device), inode: BigInt(inode) };
}

type Readers = Pick<Platform, 'readFile' | 'searchFiles' | 'readDir' | 'readLink' | 'stat' | 'isExecutable' | 'isBusy'>;

/** The operations that change nothing. */
function createReaders(os: Os): Readers {
  return {
    readFile(path, { maxBytes = defaultMaxBytes, followLinks = true, atOnce = false } = {}) {
      const read = (): ReturnType<Os['readFile']> => os.readFile(path, maxBytes, followLinks, atOnce);
      const bytes = nullOn(absent, `read ${path}`, read, maxBytes);
      return bytes === null ? null : Buffer.from(bytes);
    },
    searchFiles(directory, { endings, mark, texts, maxFiles, maxBytes }) {
      const search = (): ReturnType<Os['searchFiles']> =>
        os.searchFiles(directory, endings, mark, texts, maxFiles, maxBytes);
      return sorted(nullOn(absent, `list ${directory}`, search));
    },
    readDir: (path) => sorted(nullOn(absent, `list ${path}`, () => os.readDir(path))),
    readLink(path) {
      const name = nullOn([...absent, errno.EINVAL], `read link ${path}`, () => os.readLink(path));
      return name === null ? null : textOf(name);
    },
    stat(path) {
      const status = nullOn(absent, `stat ${path}`, () => os.lstat(path));
      return status === null ? null : statusOf(status);
    },
    isExecutable: (path) => nullOn([...absent, errno.EACCES], `stat ${path}`, () => os.isExecutable(path)) ?? false,
    isBusy: (path) => os.isBusy(path),
  };
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
  | 'lock'
>;

/** The operations that change the file system. */
function createWriters(os: Os): Writers {
  return {
    writeFileAtomic: (path, content, { mode, durable, temporaryIn }) =>
      systemCall(`write ${path}`, () =>
        os.writeFileAtomic(path, content, mode, durable !== false, durable === true, temporaryIn),
      ),
    copyFileAtomic: (from, to, mode) => systemCall(`copy ${from} to ${to}`, () => os.copyFileAtomic(from, to, mode)),
    writeSystemFile: (path, content) =>
      systemCall(`write '${content.trimEnd()}' to ${path}`, () => os.writeSystemFile(path, content)),
    appendFile: (path, content) => systemCall(`append to ${path}`, () => os.appendFile(path, content)),
    makeDir: (path, mode) => systemCall(`make directory ${path}`, () => os.makeDir(path, mode)),
    unlink: (path) => nullOn(absent, `unlink ${path}`, () => os.unlink(path)) !== null,
    rename: (from, to) => systemCall(`rename ${from} to ${to}`, () => os.rename(from, to)),
    removeDir: (path) =>
      nullOn([...absent, errno.ENOTEMPTY], `remove directory ${path}`, () => os.removeDir(path)) !== null,
    lock(path, timeoutMs, note) {
      const number = systemCall(`lock ${path}`, () => os.lock(path, timeoutMs, note ?? undefined));
      // The host ignores a number that was given back.
      return number === undefined ? null : { unlock: () => os.unlock(path, number) };
    },
  };
}

/** From 1, in the order of asm-generic/signal.h; the same on x86-64 and arm64. */
const signalNames =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG ' +
  'XCPU XFSZ VTALRM PROF WINCH IO PWR SYS';

function signalName(number: number): string {
  const name = signalNames.split(' ')[number - 1];
  return name === undefined ? `signal ${number}` : `SIG${name}`;
}

function toResult([status, signal, timedOut, stdout, stderr]: EndedProcess): ProcessResult {
  const name = signal === undefined ? null : signalName(signal);
  return { status: status ?? null, signal: name, timedOut, stdout, stderr };
}

/** See `Platform.startProcess`. An error of the start is thrown when the child is joined, by every call of `wait`. */
function createStartProcess(os: Os): Platform['startProcess'] {
  return ({ path, args, env, stdin, timeoutMs }): RunningProcess => {
    const what = `run ${path}`;
    let join: () => EndedProcess;
    try {
      const child = os.startProcess(path, args, env, stdin, timeoutMs);
      join = () => os.waitProcess(child);
    } catch (thrown) {
      join = () => {
        throw thrown;
      };
    }
    let result: ProcessResult | undefined;
    return {
      wait() {
        result ??= toResult(systemCall(what, join));
        return result;
      },
    };
  };
}

function readBootId(readFile: Platform['readFile'], procfs: string): string {
  const path = `${procfs}/sys/kernel/random/boot_id`;
  const bytes = readFile(path, { atOnce: true });
  if (bytes === null) throw new Error(`${path} is absent: is ${procfs} mounted?`);
  return bytes.toString('utf8').trim();
}

/** Linux above the system calls of a host. Throws if a path in `environment` is refused. */
export function createPlatform(os: Os, environment: Platform['environment']): Platform {
  let bootId: string | undefined;
  const paths = nodePathsFrom(environment);
  const readers = createReaders(os);
  const network = createNetwork(os);
  const startProcess = createStartProcess(os);
  return {
    argv: os.argv(),
    get executable() {
      return systemCall('find this executable', () => textOf(os.executable()));
    },
    paths,
    environment,
    pid: os.pid,
    monotonicMs: () => os.monotonicMs(),
    epochMs: () => Date.now(),
    sleepMs: (ms) => os.sleepMs(ms),
    bootId() {
      bootId ??= readBootId(readers.readFile, paths.procfs);
      return bootId;
    },
    ...createStreams(os),
    ...readers,
    ...createWriters(os),
    ...network,
    // A child starts in the namespace of the thread, so that is the own one.
    startProcess: (request) => network.inNetns(network.ownNetns(), () => startProcess(request)),
  };
}
