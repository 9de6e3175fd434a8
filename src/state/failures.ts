// A part of its own (src/parts.ts), which a verb that succeeds doesn't load.
import { formatError } from '../cni/error-output.ts';
import { isJsonObject } from '../lib/json.ts';
import type { Platform } from '../platform/platform.ts';
import { StateDirectory } from './state-directory.ts';
import { readPrivateFile } from './trusted-files.ts';

/** A verb that has failed. */
export interface Failure {
  /** Milliseconds since 1970, UTC. */
  readonly atMs: number;
  readonly command: string;
  /** The code of the CNI error. */
  readonly code: number;
  /** The beginning of its message. */
  readonly message: string;
}

const name = '.failures';
const nameBefore = '.failures.1';
/** Size of each of the two files, which is enough for some 200 failures. */
const maxBytes = 32 * 1024;
const maxMessageLength = 200;

/**
 * Failures of STATUS are not kept: the runtime calls it every few seconds, so they would push out all others.
 */
const kept: readonly string[] = ['ADD', 'DEL', 'CHECK', 'GC'];

/**
 * Adds a verb's failure to `<stateDir>/.failures`, as a line of JSON in one write(2), because others may add theirs at
 * that moment. A full file replaces the one before it. Throws CniError io, SystemError.
 */
export function recordFailure(platform: Platform, command: string | undefined, thrown: unknown): void {
  if (command === undefined || !kept.includes(command)) return;
  const { code, msg } = JSON.parse(formatError(thrown)) as { readonly code: number; readonly msg: string };
  const message = msg.slice(0, maxMessageLength);
  const directory = new StateDirectory(platform).make();
  makeRoom(platform, directory);
  platform.appendFile(
    `${directory}/${name}`,
    `${JSON.stringify({ atMs: platform.epochMs(), command, code, message })}\n`,
  );
}

/** Moves a full file. Of many processes that come at once only one does, and looks again when it has the lock. */
function makeRoom(platform: Platform, directory: string): void {
  const path = `${directory}/${name}`;
  const isFull = (): boolean => (platform.stat(path)?.sizeBytes ?? 0) >= maxBytes;
  const lock = isFull() ? platform.lock(path, 0, null) : null;
  try {
    if (lock !== null && isFull()) platform.rename(path, `${directory}/${nameBefore}`);
  } finally {
    lock?.unlock();
  }
}

function readLine(line: string): readonly Failure[] {
  try {
    const json: unknown = JSON.parse(line);
    if (!isJsonObject(json)) return [];
    const { atMs, command, code, message } = json;
    if (typeof atMs !== 'number' || typeof command !== 'string' || typeof code !== 'number') return [];
    return typeof message === 'string' ? [{ atMs, command, code, message }] : [];
  } catch {
    // A line is cut short if the disk was full.
    return [];
  }
}

/** The last failures of verbs on this node, the oldest first. Throws CniError io, NotOurs, SystemError. */
export function readFailures(platform: Platform): readonly Failure[] {
  const directory = new StateDirectory(platform).find();
  return [nameBefore, name].flatMap((each) => {
    const text = readPrivateFile(platform, `${directory}/${each}`, 2 * maxBytes) ?? '';
    return text.split('\n').flatMap(readLine);
  });
}
