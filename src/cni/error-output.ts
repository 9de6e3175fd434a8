import { printable } from '../lib/quote.ts';
import { type ErrnoName, isSystemError } from '../lib/system-error.ts';
import { errorCodes, explain, isCniError } from './errors.ts';
import { newestVersion } from './versions.ts';

/** errno values of files and directories. Other ones are about links, addresses and namespaces. */
const fileErrnos: readonly ErrnoName[] = [
  'ENOENT',
  'EIO',
  'EACCES',
  'ENOTDIR',
  'EISDIR',
  'ENFILE',
  'EMFILE',
  'ENOSPC',
  'EDQUOT',
  'EFBIG',
  'EROFS',
  'EPIPE',
  'ENAMETOOLONG',
  'ELOOP',
  'EOVERFLOW',
];

interface Meaning {
  readonly code: number;
  readonly details?: string | undefined;
}

/** The first error in the chain of causes that has a meaning of its own. */
function meaningOf(thrown: unknown): Meaning {
  for (let error = thrown; error instanceof Error; error = error.cause) {
    if (isCniError(error)) return error;
    if (isSystemError(error, ...fileErrnos)) return { code: errorCodes.io };
    if (isSystemError(error)) return { code: errorCodes.kernel };
  }
  const stack = thrown instanceof Error ? thrown.stack : undefined;
  return { code: errorCodes.internal, details: stack };
}

/** Enough for every problem of a config; kubelet shows 1 KiB. */
const maxMessageLength = 4000;
/** The trace of a search for a VF may name hundreds of VFs. */
const maxDetailsLength = 32_000;

/**
 * The CNI error JSON (SPEC.md, "Error") for whatever was thrown: a CniError with its own code, a SystemError as 113
 * (kernel) or 5 (files), all else as 999 with its stack as details. `msg` has the causes, outermost first. `msg` and
 * `details` are on one line each and have no characters that a terminal acts on, whatever names or words of other
 * programs they quote.
 */
export function formatError(thrown: unknown, cniVersion: string = newestVersion): string {
  const { code, details } = meaningOf(thrown);
  const optional = details === undefined || details === '' ? {} : { details: printable(details, maxDetailsLength) };
  return formatCode(code, printable(explain(thrown), maxMessageLength), cniVersion, optional);
}

/** The CNI error JSON of a code. `msg` is one line for a terminal. */
export function formatCode(
  code: number,
  msg: string,
  cniVersion: string = newestVersion,
  optional: { readonly details?: string } = {},
): string {
  return JSON.stringify({ cniVersion, code, msg, ...optional });
}
