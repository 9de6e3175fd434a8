import { join } from 'node:path';
import process from 'node:process';
import type { TerminalSize } from '../emulated-lab.ts';
import { cacheFolder, checkout, digest } from '../setup/cache-folder.ts';

/** Nobody else may write to it. */
function runtimeFolder(): string {
  return process.env['XDG_RUNTIME_DIR'] || (process.getuid?.() === 0 ? '/run' : cacheFolder());
}

/** Where the process that holds the lab of this checkout's command line listens. */
export const labSocket = join(runtimeFolder(), `dra-sriov-lab-${digest(checkout)}.sock`);

/** Whoever starts or holds that lab has this file's flock(2), so that there is one. */
export const labLock = join(cacheFolder(), 'locks', digest(labSocket));
/** With which flock(1) ends where somebody else has it. */
export const lockedStatus = 75;

/**
 * A request is a line of JSON, and so is the reply. Who goes away before the reply interrupts the command. Of a
 * terminal the reply says where it is; the shell starts when another line tells that the client has joined it, and
 * lasts until the client ends its side, upon which a second reply says that the prompt is closed.
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

/** What the holder tells whoever started it, until it is ready. */
export type HolderNotice =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };
