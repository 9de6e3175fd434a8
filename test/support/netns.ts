import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import process from 'node:process';
import { cleaningUp } from './clean-up.ts';
import type { Suite, TestBody } from './suite.ts';

/** A throwaway network namespace, named under /run/netns. Its `lo` is down and it holds nothing else. */
export interface TestNetns {
  readonly name: string;
  /** `/run/netns/NAME` */
  readonly path: string;
  /** `ip -j -details -n NAME ARGS...`, its JSON; null where it printed nothing. */
  ip(...args: readonly string[]): unknown;
  /**
   * Runs a command inside the namespace and returns its stdout. Sees the namespace's sysfs, as `ip netns exec` mounts
   * it.
   */
  run(command: string, ...args: readonly string[]): string;
  addAltnames(link: string, ...altnames: readonly string[]): void;
}

function run(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    });
  } catch (cause) {
    const stderr = (cause as { readonly stderr?: string }).stderr ?? '';
    throw new Error(`${command} ${args.join(' ')}: ${stderr.trim() || String(cause)}`, { cause });
  }
}

/** `ip -j -details ARGS...` in the namespace of the tests, its JSON; null where it printed nothing. */
function ip(...args: readonly string[]): unknown {
  const output = run('ip', ['-j', '-details', ...args]);
  return output.trim() === '' ? null : JSON.parse(output);
}

/** An interface name that no other test has: 15 characters at most. */
export function randomIfname(prefix = 't'): string {
  return `${prefix}${randomBytes(4).toString('hex')}`;
}

/** Makes a throwaway network namespace for `body` and removes it afterwards, also when `body` throws. Needs root. */
export function withNetns<T>(body: (netns: TestNetns) => T): T {
  const name = `dra-test-${process.pid}-${randomBytes(4).toString('hex')}`;
  run('ip', ['netns', 'add', name]);
  const netns: TestNetns = {
    name,
    path: `/run/netns/${name}`,
    ip: (...args) => ip('-n', name, ...args),
    run: (command, ...args) => run('ip', ['netns', 'exec', name, command, ...args]),
    addAltnames: (link, ...altnames) => {
      run('ip', ['-n', name, 'link', 'property', 'add', 'dev', link, ...altnames.flatMap((each) => ['altname', each])]);
    },
  };
  return cleaningUp(
    () => body(netns),
    () => void run('ip', ['netns', 'delete', name]),
  );
}

/** Registers a test that needs root; without root it is skipped, loudly, and in CI it fails. */
export function asRoot(test: Suite): (name: string, body: TestBody) => void {
  return (name, body) => {
    if (process.getuid?.() === 0) test(name, body);
    else test.skip(name, 'needs root, for network namespaces, or because only what root owns is trusted');
  };
}
