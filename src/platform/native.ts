import { SystemError } from '../lib/system-error.ts';
import { createLock, createReaders, createWriters, limited, textOf } from './native/files.ts';
import type { Host } from './native/host.ts';
import { openNetlinkSocket } from './native/netlink-socket.ts';
import { createNamespaces } from './native/netns.ts';
import { createStarter } from './native/processes.ts';
import { errno, nullOn, systemCall } from './native/system-call.ts';
import { netlinkProtocol } from './netlink-protocol.ts';
import { nodePathsFrom } from './node-paths.ts';
import type { Platform } from './platform.ts';

function createStreams(
  host: Host,
): Pick<Platform, 'readStdin' | 'writeStdout' | 'writeStderr' | 'isTerminal' | 'exit'> {
  return {
    readStdin(maxBytes) {
      const what = 'read stdin';
      // a closed stdin is an empty one
      const bytes = nullOn([errno.EBADF], what, () => limited(what, maxBytes, () => host.readStdin(maxBytes)));
      return bytes === null ? Buffer.alloc(0) : Buffer.from(bytes);
    },
    writeStdout: (text) => systemCall('write to stdout', () => host.writeStdout(text)),
    writeStderr(text) {
      try {
        host.writeStderr(text);
      } catch {
        // nobody listens: no reason to fail an attachment
      }
    },
    isTerminal: (stream) => host.isTerminal(stream),
    exit(code): never {
      host.exit(code);
      throw new Error('the process outlived its end');
    },
  };
}

function readBootId(readFile: Platform['readFile'], procfs: string): string {
  const path = `${procfs}/sys/kernel/random/boot_id`;
  const bytes = readFile(path);
  if (bytes === null) throw new Error(`${path} is absent: is ${procfs} mounted?`);
  return bytes.toString('utf8').trim();
}

/** Linux through the native host. Throws where a path in `environment` is refused. */
export function createNativePlatform(host: Host, environment: Readonly<Record<string, string | undefined>>): Platform {
  let bootId: string | undefined;
  const paths = nodePathsFrom(environment);
  const readers = createReaders(host);
  const { within, ...namespaces } = createNamespaces(host);
  const startProcess = createStarter(host);
  return {
    argv: host.argv(),
    get executable() {
      return systemCall('find this executable', () => textOf(host.executable()));
    },
    paths,
    environment,
    pid: host.pid,
    monotonicMs: () => host.monotonicMs(),
    epochMs: () => Date.now(),
    sleepMs: (ms) => host.sleepMs(ms),
    bootId() {
      bootId ??= readBootId(readers.readFile, paths.procfs);
      return bootId;
    },
    ...createStreams(host),
    ...readers,
    ...createWriters(host),
    lock: createLock(host),
    // a child lives where its parent is
    startProcess: (request) => within(namespaces.ownNetns(), () => startProcess(request)),
    ...namespaces,
    openNetlink: (netns = namespaces.ownNetns(), groups = 0, protocol = 'route') =>
      within(netns, () => openNetlinkSocket(host, groups, netlinkProtocol[protocol])),
    sendFrames: (netns, ifindex, frames) =>
      within(netns, () =>
        systemCall(`send frames out of interface ${ifindex}`, () => host.sendFrames(ifindex, frames)),
      ),
    ethtool: (netns, ifname, requests) => {
      const what = `ask ${ifname} (ethtool)`;
      const answers = within(netns, () => systemCall(what, () => host.ethtool(ifname, requests)));
      return answers.map((answer) =>
        typeof answer === 'number' ? new SystemError(what, answer) : Buffer.from(answer),
      );
    },
  };
}
