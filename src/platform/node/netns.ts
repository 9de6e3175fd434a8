import { closeSync, constants, fstatSync, openSync } from 'node:fs';
import { SystemError } from '../../lib/system-error.ts';
import type { Netns, Platform } from '../platform.ts';
import { createWithin, type Within } from '../within.ts';
import { systemPath } from './descriptor.ts';
import { callLibc, tryLibc } from './libc.ts';
import { absent, errno, nullOn, systemCall } from './system-call.ts';

/** linux/nsfs.h: _IO(0xb7, 3), answers the CLONE_NEW* bit of an open namespace. */
const NS_GET_NSTYPE = 0xb703n;
const CLONE_NEWNET = 0x40000000;
const ownNetnsPath = '/proc/thread-self/ns/net';

function netnsOf(what: string, fd: number): Netns {
  const { dev, ino } = systemCall(what, () => fstatSync(fd, { bigint: true }));
  let isOpen = true;
  return {
    // a closed number may soon be another file's
    get fd() {
      if (!isOpen) throw new SystemError(`use ${what.replace('open ', '')} after close`, errno.EBADF);
      return fd;
    },
    device: dev,
    inode: ino,
    close() {
      if (isOpen) closeSync(fd);
      isOpen = false;
    },
  };
}

function openFile(what: string, path: string): number {
  const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
  try {
    return systemCall(what, () => openSync(systemPath(path), flags));
  } catch (thrown) {
    if (thrown instanceof SystemError && thrown.errno === errno.ENXIO) refuse(what);
    throw thrown;
  }
}

function refuse(what: string): never {
  throw new SystemError(what, errno.EINVAL, 'not a network namespace');
}

function openNetns(path: string): Netns | null {
  const what = `open network namespace ${path}`;
  const fd = nullOn(absent, what, () => openFile(what, path));
  if (fd === null) return null;
  try {
    const type = tryLibc((libc) => libc.ioctl(fd, NS_GET_NSTYPE, null));
    if (type !== CLONE_NEWNET) refuse(what);
    return netnsOf(what, fd);
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

/** The own namespace is needed until the end, to come back to. */
function stayOpen(): void {}

export function createNamespaces(): Pick<Platform, 'ownNetns' | 'openNetns' | 'inNetns'> & { readonly within: Within } {
  let own: Netns | undefined;
  const ownNetns = (): Netns => {
    const what = `open network namespace ${ownNetnsPath}`;
    own ??= { ...netnsOf(what, openFile(what, ownNetnsPath)), close: stayOpen };
    return own;
  };
  const within = createWithin(ownNetns, ({ fd }, what) => {
    callLibc(what, (libc) => libc.setns(fd, CLONE_NEWNET));
  });
  return { ownNetns, openNetns, within, inNetns: within };
}
