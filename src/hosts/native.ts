// Entry of the program on QuickJS: the part `boot`, which native/ runs. It answers VERSION, which asks for nothing else
// of the program; the part `plugin` has all that any other run begins with.
import { formatCode } from '../cni/error-output.ts';
import { errorCodes } from '../cni/errors.ts';
import type { NativeOs } from '../platform/os.ts';
import { answerVersion } from './answer-version.ts';

declare const __host: NativeOs;

/** Container runtimes give up after 2 minutes, and then nobody reads the error. */
const runLimitSeconds = 110;

const environment = __host.environment();
if ((environment['CNI_COMMAND'] ?? '') !== '') {
  const message = `not done after ${runLimitSeconds} s; the next DEL, ADD or GC undoes what was begun`;
  __host.limitRun(runLimitSeconds, `${formatCode(errorCodes.tryAgainLater, message)}\n`);
}
answerVersion(__host, environment);
(__host.loadPart('plugin') as typeof import('./native-main.ts')).start(__host, environment);
