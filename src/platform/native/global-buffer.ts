// Puts `Buffer` where other modules look for it. What uses it while it is loaded is imported after this.
import type { NativeOs } from '../os.ts';
import { createBuffer } from './buffer.ts';

declare const __host: NativeOs;

globalThis.Buffer = createBuffer({
  encode: (text) => __host.encodeUtf8(text),
  decode: (bytes) => __host.decodeUtf8(bytes),
});
