import { SystemError } from '../../lib/system-error.ts';
import type { Netns, Platform } from '../platform.ts';
import type { Host } from './host.ts';
import { absent, errno, nullOn, systemCall } from './system-call.ts';

const ownNetnsPath = '/proc/thread-self/ns/net';
/** sysexits.h EX_SOFTWARE */
const cannotComeBackExitCode = 70;

/** Enters a namespace, runs `task`, comes back. */
export type Within = <T>(netns: Netns, task: () => T) => T;

function netnsOf(host: Host, what: string, fd: number): Netns {
  const [device, inode] = systemCall(what, () => host.identity(fd));
  let isOpen = true;
  return {
    // a closed number may soon be another file's
    get fd() {
      if (!isOpen) throw new SystemError(`use ${what.replace('open ', '')} after close`, errno.EBADF);
      return fd;
    },
    device: BigInt(device),
    inode: BigInt(inode),
    close() {
      if (isOpen) host.close(fd);
      isOpen = false;
    },
  };
}

/** A thread in the wrong namespace would configure the wrong host: nothing may run after that. */
function endProcess(host: Host, thrown: unknown): never {
  try {
    host.writeStderr(`dra-sriov: ${thrown instanceof Error ? thrown.message : String(thrown)}\n`);
  } finally {
    host.exit(cannotComeBackExitCode);
  }
  throw thrown;
}

/** The own namespace is needed until the end, to come back to. */
function stayOpen(): void {}

function refusePromise(result: unknown): void {
  if (typeof (result as { readonly then?: unknown } | null | undefined)?.then !== 'function') return;
  throw new Error('a task inside a network namespace must be done when it returns: it may not return a promise');
}

export function createNamespaces(
  host: Host,
): Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns'> & { readonly within: Within } {
  let own: Netns | undefined;
  let current: Netns | undefined;
  const openNetns = (path: string): Netns | null => {
    const what = `open network namespace ${path}`;
    const fd = nullOn(absent, what, () => host.openNetns(path));
    return fd === null ? null : netnsOf(host, what, fd);
  };
  const ownNetns = (): Netns => {
    const what = `open network namespace ${ownNetnsPath}`;
    own ??= {
      ...netnsOf(
        host,
        what,
        systemCall(what, () => host.openNetns(ownNetnsPath)),
      ),
      close: stayOpen,
    };
    return own;
  };
  const within: Within = (netns, task) => {
    const before = current ?? ownNetns();
    if (netns === before) return task();
    const { device, inode } = netns;
    const wayBack = before.fd;
    systemCall(`enter network namespace ${device}:${inode}`, () => host.enterNetns(netns.fd));
    current = netns;
    try {
      const result = task();
      refusePromise(result);
      return result;
    } finally {
      try {
        systemCall("return to the host's network namespace", () => host.enterNetns(wayBack));
      } catch (thrown) {
        endProcess(host, thrown);
      }
      current = before;
    }
  };
  return { ownNetns, openNetns, within, inNetns: within };
}
