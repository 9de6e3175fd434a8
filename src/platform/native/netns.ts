import { SystemError } from '../../lib/system-error.ts';
import type { Netns, Platform } from '../platform.ts';
import { createWithin, type Within } from '../within.ts';
import type { Host } from './host.ts';
import { absent, errno, nullOn, systemCall } from './system-call.ts';

const ownNetnsPath = '/proc/thread-self/ns/net';

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

/** The own namespace is needed until the end, to come back to. */
function stayOpen(): void {}

export function createNamespaces(
  host: Host,
): Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns'> & { readonly within: Within } {
  let own: Netns | undefined;
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
  const within = createWithin(ownNetns, (netns, what) => {
    const { fd } = netns;
    systemCall(what, () => host.enterNetns(fd));
  });
  return { ownNetns, openNetns, within, inNetns: within };
}
