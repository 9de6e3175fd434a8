import type { Os } from '../os.ts';

/** What the native host (native/src/host.rs) gives JavaScript. */
export interface Host extends Os {
  /** After so long the process writes this to stdout and ends with 1, whatever it waits for. */
  limitRun(seconds: number, lastWords: string): void;
  /** Runs a part of the program, when it is first asked for, and returns its exports. */
  loadPart(name: string): unknown;
  encodeUtf8(text: string): ArrayBuffer;
  decodeUtf8(bytes: Uint8Array): string;
}
