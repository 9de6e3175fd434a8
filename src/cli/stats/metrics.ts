import { explain } from '../../cni/errors.ts';
import { printable, quote } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import { surveyNode } from '../node/survey.ts';
import { complain, type ExitCode, exitCodes, type Tool } from '../tool.ts';
import { collectFamilies } from './families.ts';
import { formatMetrics } from './openmetrics.ts';

interface MetricsOptions {
  readonly textfile?: string;
  /** Milliseconds from one writing to the next. */
  readonly every?: number;
}

/** node_exporter reads it as another user than root. */
const textfileMode = 0o644;

/**
 * `metrics [--textfile FILE] [--every 15s]`: all metrics, in the OpenMetrics text format. With --every it goes on until
 * a signal ends it: a failure goes to stderr and is tried again, and the age of the file (node_textfile_mtime_seconds)
 * tells of it.
 */
export function metrics(tool: Tool, { textfile, every }: MetricsOptions): ExitCode {
  const { platform } = tool;
  const problem = problemOf(textfile, every);
  if (problem !== null) {
    complain(tool, problem);
    return exitCodes.usage;
  }
  if (every === undefined || textfile === undefined) return measureOnce(tool, textfile);
  for (;;) {
    const nextMs = platform.monotonicMs() + every;
    measureOnce(tool, textfile);
    platform.sleepMs(Math.max(nextMs - platform.monotonicMs(), 0));
  }
}

function problemOf(textfile: string | undefined, every: number | undefined): string | null {
  if (textfile !== undefined && !textfile.endsWith('.prom')) {
    return `--textfile ${quote(textfile)}: its name must end in .prom, others the textfile collector doesn’t read`;
  }
  const isAlone = every !== undefined && textfile === undefined;
  return isAlone ? '--every is for --textfile FILE, which is written anew each time' : null;
}

function measureOnce(tool: Tool, textfile: string | undefined): ExitCode {
  const { platform } = tool;
  try {
    const text = formatMetrics(collectFamilies(platform, surveyNode(tool)));
    if (textfile === undefined) platform.writeStdout(text);
    else platform.writeFileAtomic(textfile, text, { mode: textfileMode, durable: false });
    return exitCodes.fine;
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    complain(tool, `${textfile === undefined ? '' : `${printable(textfile)}: `}${explain(thrown)}`);
    return exitCodes.wrong;
  }
}
