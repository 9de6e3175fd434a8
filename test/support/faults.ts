// Makes the Nth call that changes something fail, once: for the loop over all steps of ADD.
import { SystemError } from '../../src/lib/system-error.ts';
import type { NetlinkSocket, Platform } from '../../src/platform/platform.ts';

const RTM_GETLINK_KIND = 2;
const EIO = 5;

export interface FaultCounter {
  calls: number;
}

class FaultySocket implements NetlinkSocket {
  readonly #real: NetlinkSocket;
  readonly #step: (what: string) => void;

  constructor(real: NetlinkSocket, step: (what: string) => void) {
    this.#real = real;
    this.#step = step;
  }

  get port(): number {
    return this.#real.port;
  }

  send(bytes: Uint8Array): void {
    const type = Buffer.from(bytes).readUInt16LE(4);
    if ((type & 3) !== RTM_GETLINK_KIND) this.#step(`netlink message ${type}`);
    this.#real.send(bytes);
  }

  receive(timeoutMs: number): ReturnType<NetlinkSocket['receive']> {
    return this.#real.receive(timeoutMs);
  }

  close(): void {
    this.#real.close();
  }
}

/** The platform, whose changing call number `failAt` (from 1) throws EIO; `tell` hears of every one. */
export function withFault(platform: Platform, failAt: number, tell: (what: string) => void): Platform {
  let calls = 0;
  const step = (what: string): void => {
    calls++;
    tell(`${calls} ${what}`);
    if (calls === failAt) throw new SystemError(`injected at call ${calls}, ${what}`, EIO);
  };
  return {
    ...platform,
    writeFileAtomic: (path, content, options) => {
      step(`writeFileAtomic ${path}`);
      platform.writeFileAtomic(path, content, options);
    },
    writeSystemFile: (path, content) => {
      step(`writeSystemFile ${path}`);
      platform.writeSystemFile(path, content);
    },
    startProcess: (request) => {
      step(`startProcess ${request.path}`);
      return platform.startProcess(request);
    },
    sendFrame: (netns, ifindex, frame) => {
      step('sendFrame');
      platform.sendFrame(netns, ifindex, frame);
    },
    openNetlink: (netns, groups) => new FaultySocket(platform.openNetlink(netns, groups), step),
  };
}
