// Where the plugin is put to the test: stand-ins in throwaway namespaces, or real VFs in the lab. Two pods want one VF.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { type CniOutcome, cniVariables } from '../support/cni-node.ts';
import { describeFault, type Fault, lastCall, readTrace, type SystemCall, traced } from './strace.ts';

export interface SiteOptions {
  /** Before every command that acts on the host: `ip netns exec HOST`, or nothing. */
  readonly onHost: readonly string[];
  readonly executable: string;
  readonly environment: Readonly<Record<string, string>>;
  /** CNI_PATH */
  readonly pluginDirs: string;
  /** It leaves the pods one VF and one address, so that the next ADD fails if one was not given back. */
  readonly conf: Readonly<Record<string, unknown>>;
  /** Paths of the pods' namespaces. */
  readonly pods: readonly [string, string];
  readonly stateDir: string;
  readonly ipamDir: string;
  /** A file for strace. */
  readonly log: string;
  /** What the tenant of the first pod makes of its interface before DEL: commands in the pod's namespace. */
  readonly tenant?: readonly (readonly string[])[];
  /** The VF's netdev, if no PF keeps it from changing its MAC address. `other` is an address to try that with. */
  readonly ownMac?: { readonly netdev: string; readonly other: string };
}

/** stdout may be cut short by a fault. */
export type Outcome = Omit<CniOutcome, 'json'>;

interface Link {
  readonly ifname: string;
  readonly addr_info: readonly { readonly scope: string }[];
}

/** Keys whose values each attachment chooses anew, or which settle by themselves. */
const volatileKeys = new Set([
  'ifindex',
  'link_index',
  'link',
  'link_netnsid',
  'operstate',
  'permaddr',
  'valid_life_time',
  'preferred_life_time',
]);
/** Flags that follow `operstate`. */
const volatileFlags: ReadonlySet<unknown> = new Set(['NO-CARRIER', 'LOWER_UP']);

const strayLimitMs = 120_000;
const runLimitMs = 120_000;
/** Longer than the plugin waits for a lock or an IPAM plugin, which is 30 s. */
const faultyRunLimitMs = 100_000;

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

export class Site {
  readonly options: SiteOptions;

  constructor(options: SiteOptions) {
    this.options = options;
  }

  /**
   * Runs a verb for pod 0 (container c0) or 1, under strace where a fault is given (or null, to learn the calls).
   * Throws where it does not end in time, with the call at which it hung.
   */
  run(command: string, pod: 0 | 1, fault?: Fault | null, conf?: unknown): Outcome {
    const limitMs = fault ? faultyRunLimitMs : runLimitMs;
    const outcome = this.tryRun(command, pod, fault, limitMs, conf);
    if (outcome !== undefined) return outcome;
    const what = fault ? `${command} with ${describeFault(fault)}` : command;
    const where = fault === undefined ? '' : `; it hung at ${lastCall(this.options.log)}`;
    throw new Error(`${what} did not end in ${limitMs / 1000} s${where}`);
  }

  /** As `run`; undefined where it did not end in time and was killed. */
  tryRun(
    command: string,
    pod: 0 | 1,
    fault: Fault | null | undefined,
    limitMs: number,
    conf: unknown = this.options.conf,
  ): Outcome | undefined {
    const { onHost, executable, environment, pluginDirs, pods, log } = this.options;
    const wrapper = fault === undefined ? [] : traced(log, fault ?? undefined);
    const [program = '', ...args] = [...onHost, ...wrapper, executable];
    const call = { containerId: `c${pod}`, netns: pods[pod] };
    const env = { ...environment, ...cniVariables(command, call, pluginDirs) };
    // strace passes SIGTERM on; SIGKILL would end strace alone.
    const options = { env, input: JSON.stringify(conf), timeout: limitMs, killSignal: 'SIGTERM' } as const;
    const { status, stdout, stderr, error } = spawnSync(program, args, { ...options, encoding: 'utf8' });
    const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
    return isLate ? undefined : { status, stdout, stderr };
  }

  /** As `run`; throws where the verb fails. */
  succeed(command: string, pod: 0 | 1, conf?: unknown): Outcome {
    const outcome = this.run(command, pod, undefined, conf);
    if (outcome.status === 0) return outcome;
    throw new Error(`${command} of c${pod} ended with ${outcome.status}: ${outcome.stdout}\n${outcome.stderr}`);
  }

  /** ADD for pod 0, whose tenant then changes the interface. */
  occupy(): void {
    this.succeed('ADD', 0);
    const { pods, tenant = [] } = this.options;
    for (const command of tenant) {
      const { status, stderr } = spawnSync('nsenter', [`--net=${pods[0]}`, ...command], { encoding: 'utf8' });
      if (status !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
    }
  }

  /** GC with an empty list of valid attachments. */
  collect(): void {
    this.succeed('GC', 0, { ...this.options.conf, cniVersion: '1.1.0', 'cni.dev/valid-attachments': [] });
  }

  /** The system calls of a verb for pod 0; throws where it fails. */
  trace(command: string): readonly SystemCall[] {
    const { status, stdout, stderr } = this.run(command, 0, null);
    if (status !== 0) throw new Error(`${command} under strace ended with ${status}: ${stdout}\n${stderr}`);
    return readTrace(this.options.log);
  }

  /** Makes the next ADD look at all records. */
  forgetSweep(): void {
    rmSync(join(this.options.stateDir, '.swept'), { force: true });
  }

  /**
   * All that the plugin may change, as other programs see it, once no process of it is left; a line for each link of
   * the host (with the PF's settings of its VFs) and of the pods, each route, each file and folder of ours and of
   * host-local, each held lock.
   */
  picture(): readonly string[] {
    this.#waitForStrays();
    const mac = this.#tryOwnMac();
    const { onHost, pods, stateDir, ipamDir } = this.options;
    const places = [
      ['host', onHost],
      ...pods.map((path, at) => [`pod ${at}`, ['nsenter', `--net=${path}`]] as const),
    ] as const;
    return [
      ...mac,
      ...places.flatMap(([name, prefix]) => [...this.#links(name, prefix), ...this.#routes(name, prefix)]),
      ...filesBelow(stateDir).flatMap((name) => this.#describe(stateDir, name)),
      ...filesBelow(ipamDir).map((name) => `ipam ${name}`),
    ];
  }

  /** Removes by force what a failure left. False where the next try still can't begin. */
  reset(): boolean {
    const { stateDir, ipamDir } = this.options;
    for (const pod of [0, 1] as const) this.run('DEL', pod);
    for (const name of readdirSync(stateDir)) rmSync(join(stateDir, name), { recursive: true });
    for (const name of filesBelow(ipamDir)) if (/\/[0-9a-f.:]+$/.test(name)) rmSync(join(ipamDir, name));
    return ['ADD', 'DEL'].every((command) => this.run(command, 0).status === 0);
  }

  /** Whether the VF on the host may still change its address: the kernel shows that nowhere, so it is tried. */
  #tryOwnMac(): readonly string[] {
    const { onHost, ownMac } = this.options;
    if (ownMac === undefined) return [];
    const { netdev, other } = ownMac;
    const found = spawnSync('cat', [`/sys/class/net/${netdev}/address`], { encoding: 'utf8' });
    if (found.status !== 0) return ['the VF is not on the host'];
    for (const mac of [other, found.stdout.trim()]) {
      const [program = '', ...args] = [...onHost, 'ip', 'link', 'set', netdev, 'address', mac];
      const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
      if (status !== 0) return [`the VF may not change its address: ${stderr.trim()}`];
    }
    return ['the VF may change its address'];
  }

  #links(name: string, prefix: readonly string[]): readonly string[] {
    const links = this.#json([...prefix, 'ip', '-d', '-j', 'addr', 'show']) as Link[];
    return links
      .map((link) => stable({ ...link, addr_info: link.addr_info.filter(({ scope }) => scope !== 'link') }) as Link)
      .map((link) => `${name} link ${link.ifname} ${JSON.stringify(link)}`)
      .sort();
  }

  #routes(name: string, prefix: readonly string[]): readonly string[] {
    const routes = this.#json([...prefix, 'ip', '-j', 'route', 'show', 'table', 'all']) as readonly {
      readonly dst: string;
    }[];
    // The kernel's own routes of link-local addresses come and go when a link has been up for a while.
    const lasting = routes.filter(({ dst }) => !/^(fe80|ff00)::/.test(dst));
    return lasting.map((route) => `${name} route ${JSON.stringify(route)}`).sort();
  }

  /** Of a lock's file only the name counts while nobody holds it, and errors that were told are left out. */
  #describe(directory: string, name: string): readonly string[] {
    if (name === '.swept' || name.startsWith('.failures')) return [];
    if (!name.startsWith('.locks/')) return [`state ${name}`];
    const { status } = spawnSync('flock', ['--nonblock', join(directory, name), 'true']);
    return status === 0 ? [] : [`lock held ${name}`];
  }

  #json([program = '', ...args]: readonly string[]): unknown {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', timeout: 60_000 });
    if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${stderr}`);
    return stdout.trim() === '' ? [] : JSON.parse(stdout);
  }

  /** Waits for IPAM plugins that outlive a killed plugin; they have to end by themselves. */
  #waitForStrays(): void {
    const deadline = performance.now() + strayLimitMs;
    for (;;) {
      const strays = processesWith(this.options.stateDir);
      if (strays.length === 0) return;
      if (performance.now() > deadline) throw new Error(`processes are left: ${strays.join(', ')}`);
      pause(5);
    }
  }
}

function stable(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((each) => !volatileFlags.has(each)).map(stable);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key]) => !volatileKeys.has(key));
  return Object.fromEntries(entries.map(([key, inner]) => [key, stable(inner)]));
}

/** Files and folders, relative, sorted. */
function filesBelow(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
}

/** Processes whose environment holds the text, `pid name` each. A zombie has no environment. */
function processesWith(text: string): readonly string[] {
  const found: string[] = [];
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || pid === String(process.pid)) continue;
    try {
      if (readFileSync(`/proc/${pid}/environ`, 'latin1').includes(text)) {
        found.push(`${pid} ${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()}`);
      }
    } catch {
      // The process has just ended.
    }
  }
  return found;
}

/** What is missing and what is too much, or '' where two pictures are the same. */
export function compare(expected: readonly string[], actual: readonly string[]): string {
  const missing = expected.filter((line) => !actual.includes(line)).map((line) => `  missing: ${line}`);
  const extra = actual.filter((line) => !expected.includes(line)).map((line) => `  too much: ${line}`);
  return [...missing, ...extra].join('\n');
}
