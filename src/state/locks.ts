import { isIdentifier } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';
import { StateDirectory } from './state-directory.ts';

/** A wait must end well before runtimes give up on a plugin, which is after about two minutes. */
const defaultTimeoutMs = 30_000;

const directoryName = '.locks';

/** NAME_MAX, linux/limits.h. Containers whose longer IDs begin alike share a lock, which does no harm. */
const maxNameLength = 255;

/** Errnos of a disk on which no lock file can be made. */
const noRoom = ['ENOSPC', 'EDQUOT', 'EROFS'] as const;

/**
 * Locks of this plugin, `<stateDir>/.locks/`, to be taken in the order container, VF. The container's lock makes the
 * choice of VFs for a pod exclusive. The VF's lock guards its settings, netdev and record.
 */
export class Locks {
  readonly #platform: Platform;
  readonly #state: StateDirectory;
  readonly #timeoutMs: number;
  #whole: { readonly lock: HeldLock; users: number } | null = null;

  constructor(platform: Platform, state = new StateDirectory(platform), timeoutMs = defaultTimeoutMs) {
    this.#platform = platform;
    this.#state = state;
    this.#timeoutMs = timeoutMs;
  }

  /** Throws CniError tryAgainLater, naming the holder. */
  lockContainer(containerId: string, purpose: string): HeldLock {
    return this.#take(`container-${containerId}`.slice(0, maxNameLength), purpose);
  }

  /** Throws CniError tryAgainLater, naming the holder. */
  lockVf(pci: PciAddress, purpose: string): HeldLock {
    return this.#take(`vf-${pci}`, purpose);
  }

  /** Null if another process holds the lock. */
  tryLockVf(pci: PciAddress, purpose: string): HeldLock | null {
    return this.#lock(`vf-${pci}`, purpose, 0);
  }

  /** Removes files of locks that nobody holds, because their holders were killed. */
  removeAbandoned(): void {
    for (const name of this.#state.list(directoryName).filter(isLockName)) this.#lock(name, 'sweep', 0)?.unlock();
  }

  #take(name: string, purpose: string): HeldLock {
    const held = this.#lock(name, purpose, this.#timeoutMs);
    if (held !== null) return held;
    const holder = this.#platform.readFile(this.#path(name), { followLinks: false })?.toString('utf8').trim();
    const by = holder === undefined || holder === '' ? 'another process' : `${holder}${this.#fateOf(holder)}`;
    throw new CniError('tryAgainLater', `the lock ${name} is held by ${by} for more than ${this.#timeoutMs} ms`);
  }

  /** Tells if the holder was killed: its lock lives on in the IPAM plugin that it has started. */
  #fateOf(holder: string): string {
    const pid = /^process (\d+)/.exec(holder)?.[1];
    const isGone = pid !== undefined && this.#platform.stat(`${this.#platform.paths.procfs}/${pid}`) === null;
    return isGone ? ', which was killed and whose IPAM plugin still runs,' : '';
  }

  #lock(name: string, purpose: string, timeoutMs: number): HeldLock | null {
    const note = `process ${this.#platform.pid} (${purpose})\n`;
    try {
      return this.#lockFile(name, note, timeoutMs);
    } catch (thrown) {
      if (!isSystemError(thrown, ...noRoom)) throw thrown;
      return this.#lockWithoutFile(name, timeoutMs);
    }
  }

  /** Makes the directory only after the lock has failed for want of it. */
  #lockFile(name: string, note: string, timeoutMs: number): HeldLock | null {
    try {
      return this.#platform.lock(this.#path(name), timeoutMs, note);
    } catch (thrown) {
      if (!isSystemError(thrown, 'ENOENT')) throw thrown;
      return this.#platform.lock(`${this.#state.make(directoryName)}/${name}`, timeoutMs, note);
    }
  }

  /**
   * Serves a disk that is full or read-only, on which DEL still has to give back the VF: a lock on the file if there is
   * one, else on the state directory, for all locks without a file. A state directory that isn't there holds no record,
   * so there is nothing to guard.
   */
  #lockWithoutFile(name: string, timeoutMs: number): HeldLock | null {
    try {
      return this.#platform.lock(this.#path(name), timeoutMs, null);
    } catch (thrown) {
      if (!isSystemError(thrown, 'ENOENT')) throw thrown;
    }
    try {
      return this.#lockWhole(timeoutMs);
    } catch (thrown) {
      if (!isSystemError(thrown, 'ENOENT')) throw thrown;
      return { unlock: () => undefined };
    }
  }

  /** Counts users, because this process may hold the lock for container and VF at once. */
  #lockWhole(timeoutMs: number): HeldLock | null {
    if (this.#whole === null) {
      const lock = this.#platform.lock(this.#state.find(), timeoutMs, null);
      if (lock === null) return null;
      this.#whole = { lock, users: 0 };
    }
    const whole = this.#whole;
    whole.users++;
    let isHeld = true;
    return {
      unlock: () => {
        if (!isHeld) return;
        isHeld = false;
        if (--whole.users > 0) return;
        this.#whole = null;
        whole.lock.unlock();
      },
    };
  }

  #path(name: string): string {
    return `${this.#state.find(directoryName)}/${name}`;
  }
}

function isLockName(name: string): boolean {
  const [, kind, of = ''] = /^(container|vf)-(.+)$/.exec(name) ?? [];
  return kind === 'vf' ? parsePciAddress(of) !== null : isIdentifier(of);
}

/**
 * Takes a lock of another program (flock(2)), on a file that the program makes if there is none and never removes, as
 * this does. Null if somebody holds it for that long. Throws SystemError.
 */
export function lockFileOfOthers(platform: Platform, path: string, timeoutMs: number): HeldLock | null {
  if (platform.stat(path) === null) platform.appendFile(path, '');
  return platform.lock(path, timeoutMs, null);
}
