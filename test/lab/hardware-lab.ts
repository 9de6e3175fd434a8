import { existsSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import { startInBackground } from './background.ts';
import { readCapture } from './capture-file.ts';
import { runChecked, runChild } from './child.ts';
import { type BackgroundCommand, type CommandResult, defaultTimeoutMs, must, type RunOptions } from './command.ts';
import type { Capture, Lab, PhysicalFunction, VirtualFunction } from './lab.ts';
import { LabError } from './lab-error.ts';
import { onProcessEnd } from './process-end.ts';
import { createVfs } from './virtual-functions.ts';

const queryTimeoutMs = 60_000;

interface Address {
  readonly addr_info: readonly { readonly local: string; readonly scope: string }[];
}

async function ipJson<T>(...args: readonly string[]): Promise<readonly T[]> {
  const text = (await runChecked(['ip', '-j', ...args], { timeoutMs: queryTimeoutMs })).toString();
  return text.trim() === '' ? [] : JSON.parse(text);
}

/** Says why the tests must not touch this network card; undefined when they may. */
async function reasonToRefuse(pf: string): Promise<string | undefined> {
  const folder = join('/sys/class/net', pf);
  if (process.getuid?.() !== 0) return 'the tests have to run as root';
  if (!existsSync(folder)) return 'this machine has no such network device';
  if (!existsSync(join(folder, 'device/sriov_totalvfs'))) return 'it has no SR-IOV';
  const present = readFileSync(join(folder, 'device/sriov_numvfs'), 'utf8').trim();
  if (present !== '0') return `it has ${present} VFs already, which somebody may use`;
  const uppers = readdirSync(folder).filter((name) => name === 'master' || name.startsWith('upper_'));
  if (uppers.length > 0) return `other network devices are on it (${uppers.join(', ')})`;
  for (const family of ['-4', '-6']) {
    const routes = await ipJson(family, 'route', 'show', 'default', 'dev', pf);
    if (routes.length > 0) return 'it carries the default route';
  }
  const addresses = (await ipJson<Address>('address', 'show', 'dev', pf)).flatMap(({ addr_info }) => addr_info);
  const address = addresses.find(({ scope }) => scope !== 'link');
  if (address !== undefined) return `it has the address ${address.local}`;
  return undefined;
}

/** This machine with a real network card. `reboot` throws, and captures hold what the PF's own netdev sees. */
class HardwareLab implements Lab {
  readonly kind = 'hardware';
  readonly pfs: readonly PhysicalFunction[];
  readonly share: Lab['share'];
  readonly #wasUp: boolean;
  readonly #forget: () => void;
  #captures = 0;

  constructor(pf: string) {
    const device = join('/sys/class/net', pf, 'device');
    this.pfs = [{ name: pf, pciAddress: basename(readlinkSync(device)) }];
    const folder = mkdtempSync(join(tmpdir(), 'dra-sriov-lab-hardware.'));
    this.share = { host: folder, guest: folder };
    this.#wasUp = (Number(readFileSync(join('/sys/class/net', pf, 'flags'), 'utf8')) & 1) === 1;
    this.#forget = onProcessEnd(() => {
      rmSync(folder, { recursive: true, force: true });
      writeFileSync(join(device, 'sriov_numvfs'), '0');
    });
  }

  run(argv: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return runChild(argv, { timeoutMs: defaultTimeoutMs, cwd: '/', ...options }).catch((error) => {
      // The status is the one of a shell, and of the emulated node.
      if (error.cause?.code === 'ENOENT') return runChild(['sh', '-c', 'exit 127'], { timeoutMs: queryTimeoutMs });
      throw error;
    });
  }

  sh(script: string, options?: RunOptions): Promise<CommandResult> {
    return this.run(['/bin/sh', '-c', script], options);
  }

  start(argv: readonly string[], options?: RunOptions): Promise<BackgroundCommand> {
    return startInBackground(this, argv, options);
  }

  createVfs(pf: string, count: number): Promise<readonly VirtualFunction[]> {
    if (!this.pfs.some(({ name }) => name === pf)) throw new LabError('refused', `${pf} was not given as PF`);
    return createVfs(this, pf, count, 'keep');
  }

  async capture(pf: string): Promise<Capture> {
    const file = join(this.share.host, `capture${this.#captures++}.pcap`);
    const tcpdump = await this.start(['tcpdump', '-Z', 'root', '-U', '-i', pf, '-w', file]);
    await must(this, `until [ -s ${file} ]; do sleep 0.05; done`);
    return {
      file,
      stop: async () => {
        await tcpdump.stop('INT');
        return readCapture(file);
      },
    };
  }

  async reboot(): Promise<void> {
    throw new LabError('unsupported', 'tests do not reboot a real machine');
  }

  async shutdown(): Promise<void> {
    for (const { name } of this.pfs) {
      await this.createVfs(name, 0);
      if (!this.#wasUp) await must(this, ['ip', 'link', 'set', name, 'down']);
    }
    rmSync(this.share.host, { recursive: true, force: true });
    this.#forget();
  }
}

/** Takes the named PF of this machine for tests. Throws when anybody else seems to use it. */
export async function openHardwareLab(pf: string): Promise<Lab> {
  const reason = await reasonToRefuse(pf);
  if (reason !== undefined) throw new LabError('refused', `the lab does not take ${pf}: ${reason}`);
  return new HardwareLab(pf);
}
