import { isJsonObject } from '../../lib/json.ts';
import { errno, isSystemError, SystemError } from '../../lib/system-error.ts';
import type { FileStatus, Netns, Platform } from '../../platform/platform.ts';
import { NetlinkReplay } from './netlink-replay.ts';

/** A question to a node: a function of `Platform` and its arguments. */
export type Question = readonly [operation: string, ...operands: (string | number | boolean)[]];

/** The answer to a question, in the form of JSON. */
type Answer = unknown;

/**
 * All that was read of a node, each thing once. The same question gets the same answer, on the node or away from it.
 */
export interface Recording {
  /** Answers by the question as JSON. */
  readonly answers: Map<string, Answer>;
  /** Contents, by path. */
  readonly files: Map<string, Buffer>;
}

interface Failed {
  readonly failed: number;
  readonly message: string;
}

const isFailed = (answer: Answer): answer is Failed => isJsonObject(answer) && typeof answer['failed'] === 'number';

function failureOf(thrown: unknown): Failed {
  if (!isSystemError(thrown)) throw thrown;
  return { failed: thrown.errno, message: thrown.message };
}

const toSystemError = ({ failed, message }: Failed): SystemError =>
  Object.assign(new SystemError('', failed), { message });

/** The error for a question that the archive doesn't answer. */
const notKnown = ([operation, ...operands]: Question): SystemError =>
  new SystemError(`${operation} ${operands.join(' ')}`, errno.ENODATA, 'not known from an archive');

/** Answers questions from a recording; asks the node, if there is one, what is not known yet. */
export class Recall {
  readonly recording: Recording;
  readonly #isLive: boolean;

  constructor(recording: Recording, isLive: boolean) {
    this.recording = recording;
    this.#isLive = isLive;
  }

  /** Throws the recorded SystemError, and ENODATA for a question that was never asked. */
  recall<T>(question: Question, ask: () => T): T {
    const { answers } = this.recording;
    const key = JSON.stringify(question);
    if (!answers.has(key)) {
      if (!this.#isLive) throw notKnown(question);
      answers.set(key, orFailure(ask));
    }
    const answer = answers.get(key);
    if (isFailed(answer)) throw toSystemError(answer);
    return answer as T;
  }

  /** As recall, for a path: a directory that was listed tells whether it is there. */
  recallPath<T>(question: readonly [string, string, ...(string | number | boolean)[]], absent: T, ask: () => T): T {
    const isKnown = this.#isLive || this.recording.answers.has(JSON.stringify(question));
    return !isKnown && this.#isAbsent(question[1]) ? absent : this.recall(question, ask);
  }

  #isAbsent(path: string): boolean {
    const names = path.split('/');
    return names.some((name, at) => {
      const directory = names.slice(0, at).join('/');
      const listed = this.recording.answers.get(JSON.stringify(['readDir', directory]));
      const status = this.recording.answers.get(JSON.stringify(['stat', directory]));
      return directory !== '' && (listed === null || status === null || (isNames(listed) && !listed.includes(name)));
    });
  }
}

const isNames = (value: unknown): value is readonly string[] => Array.isArray(value);

function orFailure(ask: () => unknown): Answer {
  try {
    return ask();
  } catch (thrown) {
    return failureOf(thrown);
  }
}

/** In JSON a bigint is decimal text. */
type StoredStatus = Omit<FileStatus, 'device' | 'inode'> & { readonly device: string; readonly inode: string };

type Readers = Pick<Platform, 'readFile' | 'searchFiles' | 'readDir' | 'readLink' | 'stat' | 'isExecutable' | 'isBusy'>;

/** Keeps only network namespaces of a node's mounts, because the others name tenants' volumes. */
const kept = (path: string, bytes: Buffer): Buffer =>
  path.endsWith('/mountinfo')
    ? Buffer.from(
        bytes
          .toString('utf8')
          .split('\n')
          .filter((line) => line.includes(' net:['))
          .join('\n'),
      )
    : bytes;

function createReaders(memory: Recall, node: Platform): Readers {
  const { files } = memory.recording;
  const reads: Pick<Readers, 'readFile' | 'readDir'> = {
    readFile(path, options = {}) {
      const { maxBytes = 0, followLinks = true } = options;
      const found = memory.recallPath<string | null>(['readFile', path, followLinks, maxBytes], null, () => {
        const bytes = node.readFile(path, options);
        if (bytes !== null && !files.has(path)) files.set(path, kept(path, bytes));
        return bytes === null ? null : 'read';
      });
      if (found === null) return null;
      const bytes = files.get(path);
      // The file didn't fit into the archive.
      if (bytes === undefined) throw notKnown(['readFile', path]);
      return Buffer.from(bytes);
    },
    readDir: (path) => memory.recallPath<readonly string[] | null>(['readDir', path], null, () => node.readDir(path)),
  };
  return {
    ...reads,
    // All that have the mark: who looks into an archive may be after other texts than whoever made it.
    searchFiles(directory, { texts, ...search }) {
      // From its list an archive knows which files a directory hasn't.
      if (reads.readDir(directory) === null) return null;
      const found = memory.recallPath<readonly string[] | null>(['searchFiles', directory, search.mark], null, () =>
        node.searchFiles(directory, { texts: [], ...search }),
      );
      const holdsOne = (name: string): boolean => {
        try {
          const options = { maxBytes: search.maxBytes, followLinks: false };
          const content = reads.readFile(`${directory}/${name}`, options)?.toString('utf8');
          return texts.length === 0 || texts.some((text) => content?.includes(text));
        } catch (thrown) {
          if (!isSystemError(thrown)) throw thrown;
          return true;
        }
      };
      return found?.filter(holdsOne) ?? null;
    },
    readLink: (path) => memory.recallPath<string | null>(['readLink', path], null, () => node.readLink(path)),
    stat(path) {
      const status = memory.recallPath<StoredStatus | null>(['stat', path], null, () => {
        const found = node.stat(path);
        return found === null ? null : { ...found, device: `${found.device}`, inode: `${found.inode}` };
      });
      return status === null ? null : { ...status, device: BigInt(status.device), inode: BigInt(status.inode) };
    },
    isExecutable: (path) => memory.recallPath(['isExecutable', path], false, () => node.isExecutable(path)),
    isBusy: (path) => memory.recallPath(['isBusy', path], false, () => node.isBusy(path)),
  };
}

/** `device inode` */
const storeNetns = ({ device, inode }: Netns): string => `${device} ${inode}`;

/** Away from its node a namespace is only a name. */
function toNetns(stored: string): Netns {
  const [device = 0n, inode = 0n] = stored.split(' ').map(BigInt);
  return { fd: -1, device, inode, close: () => undefined };
}

type Network = Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns' | 'openNetlink' | 'ethtool'>;

function createNetwork(memory: Recall, node: Platform, isLive: boolean): Network {
  const ownNetns = (): Netns => {
    const stored = memory.recall(['ownNetns'], () => storeNetns(node.ownNetns()));
    return isLive ? node.ownNetns() : toNetns(stored);
  };
  return {
    ownNetns,
    openNetns(path) {
      let opened: Netns | null = null;
      const open = (): string | null => {
        opened = node.openNetns(path);
        return opened === null ? null : storeNetns(opened);
      };
      const stored = memory.recallPath<string | null>(['openNetns', path], null, open);
      if (stored === null) return null;
      // The caller closes what it gets, so a live namespace is opened for each.
      return isLive ? (opened ?? node.openNetns(path)) : toNetns(stored);
    },
    inNetns: (netns, task) => (isLive ? node.inNetns(netns, task) : task()),
    openNetlink(netns = ownNetns(), groups = 0, protocol = 'route') {
      return new NetlinkReplay(memory, `${netns.inode}`, protocol, () => node.openNetlink(netns, groups, protocol));
    },
    ethtool(netns, ifname, requests) {
      const asked = requests.map((request) => Buffer.from(request).toString('hex'));
      const answers = memory.recall(['ethtool', `${netns.inode}`, ifname, ...asked], () =>
        node.ethtool(netns, ifname, requests).map((answer): Failed | string => {
          return typeof answer === 'number' ? { failed: answer, message: '' } : answer.toString('hex');
        }),
      );
      return answers.map((answer) => (isFailed(answer) ? answer.failed : Buffer.from(answer, 'hex')));
    },
  };
}

type Facts = Pick<Platform, 'argv' | 'executable' | 'paths' | 'environment' | 'pid' | 'bootId' | 'epochMs'>;

/** Keeps only `CNI_PATH` of the environment, which may have secrets. */
function recallFacts(memory: Recall, node: Platform): Facts {
  const recall = <T>(what: string, ask: () => T): T => memory.recall([what], ask);
  const cniPath = recall<string | null>('CNI_PATH', () => node.environment['CNI_PATH'] ?? null);
  return {
    argv: [],
    executable: recall('executable', () => node.executable),
    paths: recall('paths', () => node.paths),
    environment: cniPath === null ? {} : { CNI_PATH: cniPath },
    pid: recall('pid', () => node.pid),
    bootId: () => recall('bootId', () => node.bootId()),
    epochMs: () => recall('epochMs', () => node.epochMs()),
  };
}

function createStartProcess(memory: Recall, node: Platform): Platform['startProcess'] {
  return (request) => {
    const { path, args, env } = request;
    const question: Question = ['startProcess', path, env['CNI_COMMAND'] ?? '', ...args];
    return {
      wait: () => memory.recallPath([...question] as never, null, () => node.startProcess(request).wait()) as never,
    };
  };
}

const refuse = (): never => {
  throw new Error('a command that works with archives may change nothing');
};

/** Functions that change a node, which fail while it is recorded and afterwards. */
const changers = {
  writeFileAtomic: refuse,
  copyFileAtomic: refuse,
  writeSystemFile: refuse,
  appendFile: refuse,
  makeDir: refuse,
  unlink: refuse,
  rename: refuse,
  removeDir: refuse,
  lock: refuse,
  sendFrames: refuse,
} as const;

/**
 * A node by its recording. `here` is the machine that the program runs on, whose terminal and clocks are used. If it is
 * the node itself (`isLive`), it is asked for what is not in the recording yet.
 */
export function createRecordedPlatform(recording: Recording, here: Platform, isLive: boolean): Platform {
  const memory = new Recall(recording, isLive);
  return {
    ...recallFacts(memory, here),
    readStdin: (maxBytes) => here.readStdin(maxBytes),
    writeStdout: (text) => here.writeStdout(text),
    writeStderr: (text) => here.writeStderr(text),
    isTerminal: (stream) => here.isTerminal(stream),
    terminalColumns: (stream) => here.terminalColumns(stream),
    exit: (code) => here.exit(code),
    holdSignals: () => here.holdSignals(),
    signalCame: () => here.signalCame(),
    monotonicMs: () => here.monotonicMs(),
    sleepMs: (ms) => here.sleepMs(ms),
    ...createReaders(memory, here),
    ...createNetwork(memory, here, isLive),
    startProcess: createStartProcess(memory, here),
    ...changers,
  };
}
