// Entry of the program on QuickJS: the part `boot`, which native/ runs. The other parts are bundled each by itself.
import { formatError } from '../cni/error-output.ts';
import { CniError, explain } from '../cni/errors.ts';
import { runMain } from '../main.ts';
import type { Parts } from '../parts.ts';
import { createBuffer } from '../platform/native/buffer.ts';
import type { Host } from '../platform/native/host.ts';
import { createNativePlatform } from '../platform/native.ts';
import type { Platform } from '../platform/platform.ts';

declare const __host: Host;

/** Container runtimes give up after 2 minutes, and then nobody reads why. */
const runLimitSeconds = 110;

/** The host runs each once. */
function part<Part>(name: string): () => Part {
  return () => __host.loadPart(name) as Part;
}

const parts: Parts = {
  plugin: part('plugin'),
  cli: part('cli'),
  operator: part('operator'),
  yaml: part('yaml'),
  sriovCniCache: part('sriov-cni-cache'),
};

/** There is no platform yet, and a runtime still expects a CNI error on stdout. An environment variable has a bad path. */
function endWithoutPlatform(isPlugin: boolean, thrown: unknown): never {
  if (isPlugin) __host.writeStdout(`${formatError(new CniError('invalidEnvironment', explain(thrown)))}\n`);
  else __host.writeStderr(`dra-sriov: ${explain(thrown)}\n`);
  __host.exit(1);
  throw thrown;
}

function openPlatform(): Platform {
  const environment = __host.environment();
  const isPlugin = (environment['CNI_COMMAND'] ?? '') !== '';
  if (isPlugin) {
    const message = `not done after ${runLimitSeconds} s; the next DEL, ADD or GC undoes what was begun`;
    __host.limitRun(runLimitSeconds, `${formatError(new CniError('tryAgainLater', message))}\n`);
  }
  try {
    return createNativePlatform(__host, environment);
  } catch (thrown) {
    return endWithoutPlatform(isPlugin, thrown);
  }
}

globalThis.Buffer = createBuffer({
  encode: (text) => __host.encodeUtf8(text),
  decode: (bytes) => __host.decodeUtf8(bytes),
});
runMain(openPlatform(), parts);
