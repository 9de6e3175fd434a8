import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import { whoElseWrites } from './trusted-path.ts';

const fileMode = 0o600;

/** Each is lost only where another process removes the directory at that very moment. */
const maxWriteAttempts = 10;

/** What lies where a file of ours should be isn't one: a link, a directory, a FIFO, too long, or somebody else's. Told by name. */
export class NotOurs extends Error {
  override readonly name = 'NotOurs';
}

/** A file of ours in a directory that is trusted; null where it is absent. Throws NotOurs, SystemError. */
export function readPrivateFile(platform: Platform, path: string, maxBytes: number): string | null {
  const status = platform.stat(path);
  if (status === null) return null;
  if (status.kind !== 'file') throw new NotOurs(`it is a ${status.kind === 'other' ? 'special file' : status.kind}`);
  const problem = whoElseWrites(status);
  if (problem !== null) throw new NotOurs(problem);
  try {
    return platform.readFile(path, { maxBytes, followLinks: false })?.toString('utf8') ?? null;
  } catch (cause) {
    if (isSystemError(cause, 'EOVERFLOW')) throw new NotOurs(`it holds more than ${maxBytes} bytes`);
    throw cause;
  }
}

/** The directory may be removed by another process between its making and the write: then once more. Throws SystemError. */
export function writePrivateFile(
  platform: Platform,
  makeDirectory: () => string,
  name: string,
  content: string,
  options: { readonly durable: boolean },
): void {
  for (let attempt = 1; ; attempt++) {
    try {
      platform.writeFileAtomic(`${makeDirectory()}/${name}`, content, { mode: fileMode, durable: options.durable });
      return;
    } catch (thrown) {
      if (attempt === maxWriteAttempts || !isSystemError(thrown, 'ENOENT')) throw thrown;
    }
  }
}
