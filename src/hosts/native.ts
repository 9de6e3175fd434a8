// Entry of the program on QuickJS: the part `boot`, which native/ runs. Each other part is bundled by itself.
import { formatError } from '../cni/error-output.ts';
import { CniError } from '../cni/errors.ts';
import { createBuffer } from '../platform/native/buffer.ts';
import type { NativeOs } from '../platform/os.ts';
import { isPlugin, start } from './start.ts';

declare const __host: NativeOs;

/** Container runtimes give up after 2 minutes, and then nobody reads the error. */
const runLimitSeconds = 110;

globalThis.Buffer = createBuffer({
  encode: (text) => __host.encodeUtf8(text),
  decode: (bytes) => __host.decodeUtf8(bytes),
});
const environment = __host.environment();
if (isPlugin(environment)) {
  const message = `not done after ${runLimitSeconds} s; the next DEL, ADD or GC undoes what was begun`;
  __host.limitRun(runLimitSeconds, `${formatError(new CniError('tryAgainLater', message))}\n`);
}
start(__host, environment);
