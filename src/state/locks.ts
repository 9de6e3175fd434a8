import { CniError } from '../cni/errors.ts';
import type { PciAddress } from '../lib/pci-address.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';

/** Runtimes give up on a plugin after about two minutes; a wait must end well before. */
const defaultTimeoutMs = 30_000;

/**
 * Locks of this plugin, `<stateDir>/.locks/`. Taken in the order container, VF; the container's lock makes the choice of
 * VFs for a pod exclusive, the VF's lock guards the VF's settings, netdev and record.
 */
export class Locks {
  readonly #platform: Platform;
  readonly #timeoutMs: number;

  constructor(platform: Platform, timeoutMs = defaultTimeoutMs) {
    this.#platform = platform;
    this.#timeoutMs = timeoutMs;
  }

  /** Throws CniError tryAgainLater, naming the holder. */
  lockContainer(containerId: string, purpose: string): HeldLock {
    return this.#take(`container-${containerId}`, purpose);
  }

  /** Throws CniError tryAgainLater, naming the holder. */
  lockVf(pci: PciAddress, purpose: string): HeldLock {
    return this.#take(`vf-${pci}`, purpose);
  }

  /** Null where another process holds it now. */
  tryLockVf(pci: PciAddress, purpose: string): HeldLock | null {
    return this.#lock(`vf-${pci}`, purpose, 0);
  }

  /** Removes the files of locks that nobody holds: their holders were killed. */
  removeAbandoned(): void {
    for (const name of this.#platform.readDir(this.#directory()) ?? []) this.#lock(name, 'sweep', 0)?.unlock();
  }

  #take(name: string, purpose: string): HeldLock {
    const held = this.#lock(name, purpose, this.#timeoutMs);
    if (held !== null) return held;
    const holder = this.#platform.readFile(this.#path(name), { followLinks: false })?.toString('utf8').trim();
    const by = holder === undefined || holder === '' ? 'another process' : `${holder}${this.#fateOf(holder)}`;
    throw new CniError('tryAgainLater', `the lock ${name} is held by ${by} for more than ${this.#timeoutMs} ms`);
  }

  /** A lock outlives its holder in the children that it started. */
  #fateOf(holder: string): string {
    const pid = /^process (\d+)/.exec(holder)?.[1];
    const isGone = pid !== undefined && this.#platform.stat(`${this.#platform.paths.procfs}/${pid}`) === null;
    return isGone ? ', which was killed and whose IPAM plugin still runs,' : '';
  }

  #lock(name: string, purpose: string, timeoutMs: number): HeldLock | null {
    this.#platform.makeDir(this.#directory(), 0o700);
    return this.#platform.lock(this.#path(name), timeoutMs, `process ${this.#platform.pid} (${purpose})\n`);
  }

  #directory(): string {
    return `${this.#platform.paths.stateDir}/.locks`;
  }

  #path(name: string): string {
    return `${this.#directory()}/${name}`;
  }
}
