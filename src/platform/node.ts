import process from 'node:process';
import { netlinkProtocol } from './netlink-protocol.ts';
import { ethtool } from './node/ethtool.ts';
import { sendFrames } from './node/frames.ts';
import { lock } from './node/lock.ts';
import { openNetlinkSocket } from './node/netlink-socket.ts';
import { createNamespaces } from './node/netns.ts';
import { startProcess } from './node/processes.ts';
import { createReaders } from './node/read-files.ts';
import { monotonicMs, sleepMs } from './node/sleep.ts';
import { createStreams } from './node/streams.ts';
import { createWriters } from './node/write-files.ts';
import { nodePathsFrom } from './node-paths.ts';
import type { Platform } from './platform.ts';

/** Of argv: the executable and the script that it runs (in the packaged executable, the name of its entry). */
const argumentsBeforeOurs = 2;

function readBootId(readFile: Platform['readFile'], procfs: string): string {
  const path = `${procfs}/sys/kernel/random/boot_id`;
  const bytes = readFile(path);
  if (bytes === null) throw new Error(`${path} is absent: is ${procfs} mounted?`);
  return bytes.toString('utf8').trim();
}

/** Linux through Node: files and children by Node's own functions, sockets and namespaces by libc (node:ffi). Throws where a path in `environment` is refused. */
export function createNodePlatform(environment: Readonly<Record<string, string | undefined>>): Platform {
  let bootId: string | undefined;
  const paths = nodePathsFrom(environment);
  const readers = createReaders();
  const { within, ...namespaces } = createNamespaces();
  return {
    argv: process.argv.slice(argumentsBeforeOurs),
    executable: process.execPath,
    paths,
    environment,
    pid: process.pid,
    monotonicMs,
    epochMs: () => Date.now(),
    sleepMs,
    bootId() {
      bootId ??= readBootId(readers.readFile, paths.procfs);
      return bootId;
    },
    ...createStreams(),
    ...readers,
    ...createWriters(),
    lock,
    // a child lives where its parent is
    startProcess: (request) => within(namespaces.ownNetns(), () => startProcess(request)),
    ...namespaces,
    openNetlink: (netns = namespaces.ownNetns(), groups = 0, protocol = 'route') =>
      within(netns, () => openNetlinkSocket(groups, netlinkProtocol[protocol])),
    sendFrames: (netns, ifindex, frames) => within(netns, () => sendFrames(ifindex, frames)),
    ethtool: (netns, ifname, requests) => within(netns, () => ethtool(ifname, requests)),
  };
}
