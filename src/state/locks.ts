import { isIdentifier } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import { type PciAddress, parsePciAddress } from '../lib/pci-address.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { HeldLock, Platform } from '../platform/platform.ts';
import { StateDirectory } from './state-directory.ts';

/** Runtimes give up on a plugin after about two minutes; a wait must end well before. */
const defaultTimeoutMs = 30_000;

const directoryName = '.locks';

/** NAME_MAX, linux/limits.h. Containers whose IDs are the same so far share a lock, which is no harm. */
const maxNameLength = 255;

/** A lock file can't be made. */
const noRoom = ['ENOSPC', 'EDQUOT', 'EROFS'] as const;

/**
 * Locks of this plugin, `<stateDir>/.locks/`. Taken in the order container, VF; the container's lock makes the choice
 * of VFs for a pod exclusive, the VF's lock guards the VF's settings, netdev and record.
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

  /** Null where another process holds it now. */
  tryLockVf(pci: PciAddress, purpose: string): HeldLock | null {
    return this.#lock(`vf-${pci}`, purpose, 0);
  }

  /** Removes the files of locks that nobody holds: their holders were killed. */
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

  /** A lock outlives its holder in the children that it started. */
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

  /** The lock itself tells where the directory has to be made. */
  #lockFile(name: string, note: string, timeoutMs: number): HeldLock | null {
    try {
      return this.#platform.lock(this.#path(name), timeoutMs, note);
    } catch (thrown) {
      if (!isSystemError(thrown, 'ENOENT')) throw thrown;
      return this.#platform.lock(`${this.#state.make(directoryName)}/${name}`, timeoutMs, note);
    }
  }

  /**
   * On a disk that is full or read-only DEL has to give back the VF all the same: a lock on the file that is there, or
   * else on the state directory, for all that have no file. A state directory that isn't there holds no record, and
   * nothing to guard.
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

  /** This process may hold it for container and VF. */
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
 * A lock of another program (flock(2)) on a file that it makes where there is none and never removes; so does this.
 * Null where it is held for that long. Throws SystemError.
 */
export function lockFileOfOthers(platform: Platform, path: string, timeoutMs: number): HeldLock | null {
  if (platform.stat(path) === null) platform.appendFile(path, '');
  return platform.lock(path, timeoutMs, null);
}
