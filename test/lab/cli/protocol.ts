import { join } from 'node:path';
import process from 'node:process';
import type { TerminalSize } from '../emulated-lab.ts';

/** Where the process that holds the lab of the command line listens. */
export const labSocket = join(process.env['XDG_RUNTIME_DIR'] || '/run', 'dra-sriov-lab.sock');

export type LabRequest =
  | { readonly kind: 'run'; readonly argv: readonly string[]; readonly stdinBase64?: string }
  | { readonly kind: 'terminal'; readonly size: TerminalSize; readonly endMark: string }
  | { readonly kind: 'down' };

export type LabReply =
  | { readonly kind: 'ran'; readonly status: number; readonly stdoutBase64: string; readonly stderr: string }
  | { readonly kind: 'terminal'; readonly socket: string }
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string };

/** What the holder tells whoever started it, until it is ready. */
export type HolderNotice =
  | { readonly kind: 'progress'; readonly line: string }
  | { readonly kind: 'ready' }
  | { readonly kind: 'failed'; readonly message: string };
