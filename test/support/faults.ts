// Makes the Nth call that changes something fail, once, or kills the process straight after it: for the loops over
// all steps of ADD and DEL.
import process from 'node:process';
import { SystemError } from '../../src/lib/system-error.ts';
import type { NetlinkSocket, Platform } from '../../src/platform/platform.ts';

const RTM_GETLINK_KIND = 2;
const EIO = 5;

export type FaultKind = 'error' | 'kill-after';

/** Makes one changing call, or fails instead. */
type Step = <T>(what: string, call: () => T) => T;

class FaultySocket implements NetlinkSocket {
  readonly #real: NetlinkSocket;
  readonly #step: Step;

  constructor(real: NetlinkSocket, step: Step) {
    this.#real = real;
    this.#step = step;
  }

  netnsCookie(): string | null {
    return this.#real.netnsCookie();
  }

  send(bytes: Uint8Array): void {
    const type = Buffer.from(bytes).readUInt16LE(4);
    if ((type & 3) === RTM_GETLINK_KIND) this.#real.send(bytes);
    else this.#step(`netlink message ${type}`, () => this.#real.send(bytes));
  }

  receive(timeoutMs: number): ReturnType<NetlinkSocket['receive']> {
    return this.#real.receive(timeoutMs);
  }

  close(): void {
    this.#real.close();
  }
}

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('SIGKILL was survived');
}

/** The platform, with the fault at its changing call number `at` (from 1). `tell` is called before every such call. */
export function withFault(platform: Platform, kind: FaultKind, at: number, tell: (what: string) => void): Platform {
  let calls = 0;
  const step: Step = (what, call) => {
    calls++;
    tell(`${calls} ${what}`);
    if (calls !== at) return call();
    if (kind === 'error') throw new SystemError(`injected at call ${calls}, ${what}`, EIO);
    call();
    return die();
  };
  return {
    ...platform,
    writeFileAtomic: (path, content, options) =>
      step(`writeFileAtomic ${path}`, () => platform.writeFileAtomic(path, content, options)),
    unlink: (path) => step(`unlink ${path}`, () => platform.unlink(path)),
    writeSystemFile: (path, content) => step(`writeSystemFile ${path}`, () => platform.writeSystemFile(path, content)),
    startProcess: (request) => {
      // The fault comes when the child is joined, because platform/node runs it then.
      const child = platform.startProcess(request);
      return { wait: () => step(`run ${request.path}`, () => child.wait()) };
    },
    sendFrames: (netns, ifindex, frames) => step('sendFrames', () => platform.sendFrames(netns, ifindex, frames)),
    openNetlink: (netns, groups, protocol) => new FaultySocket(platform.openNetlink(netns, groups, protocol), step),
  };
}
