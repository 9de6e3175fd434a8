import { join } from 'node:path';
import process from 'node:process';
import type { TerminalSize } from '../emulated-lab.ts';
import { cacheFolder, checkout, digest } from '../setup/cache-folder.ts';

/** A folder to which nobody else may write. */
function runtimeFolder(): string {
  return process.env['XDG_RUNTIME_DIR'] || (process.getuid?.() === 0 ? '/run' : cacheFolder());
}

/** Where the process that holds the lab of this checkout's command line listens. */
export const labSocket = join(runtimeFolder(), `dra-sriov-lab-${digest(checkout)}.sock`);

/** The process that starts or holds that lab has this file's flock(2), so that there is only one. */
export const labLock = join(cacheFolder(), 'locks', digest(labSocket));
/** Exit status of flock(1) where somebody else has the lock. */
export const lockedStatus = 75;

/**
 * A request is a line of JSON, and so is the reply. A client that goes away before the reply interrupts the command.
 * The reply to `terminal` says where the terminal is; the shell starts when the client sends another line, after it has
 * joined the terminal. It runs until the client ends its side, and then a second reply says that the prompt is closed.
 */
export type LabRequest =
  | { readonly kind: 'run'; readonly argv: readonly string[]; readonly stdinBase64?: string }
  | { readonly kind: 'terminal'; readonly size: TerminalSize; readonly endMark: string }
  | { readonly kind: 'down' };

export type LabReply =
  | { readonly kind: 'ran'; readonly status: number; readonly stdoutBase64: string; readonly stderr: string }
  | { readonly kind: 'terminal'; readonly socket: string }
  /** Whether the lab has ended with the prompt. */
  | { readonly kind: 'closed'; readonly ended: boolean }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string };

/** What the holder tells its parent until it is ready. */
export type HolderNotice =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };
