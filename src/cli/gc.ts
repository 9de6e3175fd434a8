import { splitPluginPath } from '../cni/environment.ts';
import { explain } from '../cni/errors.ts';
import { type CommandContext, createContext } from '../commands/context.ts';
import { reclaimIfLeft } from '../commands/reap.ts';
import { createLog } from '../lib/log.ts';
import { printable } from '../lib/quote.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { isLeft, type KeptRecord, readRecords } from './node/kept-records.ts';
import { madeUpRequest } from './node/recorded-request.ts';
import { type ExitCode, exitCodes, nameHolder, printJson, type Tool } from './tool.ts';

export interface GcOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

interface Outcome {
  readonly kept: KeptRecord;
  /** `left`: it would be reclaimed. `busy`: another process was at work on its VF. */
  readonly state: 'reclaimed' | 'left' | 'busy' | 'failed';
  readonly reason: string | null;
}

/**
 * `gc [--dry-run]`: gives back what attachments hold whose pods are certainly dead, or whose ADD or DEL was killed. What is whole and
 * alive is never touched.
 */
export function gc(tool: Tool, { dryRun = false, json = false }: GcOptions): ExitCode {
  const { records, damaged } = readRecords(tool.platform);
  const left = records.filter(isLeft);
  const context = dryRun ? null : openContext(tool);
  const outcomes = left.map(
    (kept): Outcome => (context === null ? { kept, state: 'left', reason: null } : reclaim(context, kept)),
  );
  context?.host.close();
  if (json) printJson(tool, report(dryRun, outcomes, records.length - left.length, damaged.length));
  else tool.platform.writeStdout(describe(tool, outcomes, records.length - left.length));
  return outcomes.some(({ state }) => state === 'failed') ? exitCodes.wrong : exitCodes.fine;
}

/** What goes on inside is told on stderr only where it is a warning; each attachment's recorded CNI_PATH serves where there is none. */
function openContext({ platform, yaml, sriovCniCache }: Tool): CommandContext {
  const pluginDirs = splitPluginPath(platform.environment['CNI_PATH'] ?? '');
  return createContext({
    platform,
    parseYaml: (text) => yaml().parseYaml(text),
    sriovCniCache,
    request: madeUpRequest('GC', { pluginDirs }),
    log: createLog({
      level: 'warning',
      write: (line) => platform.writeStderr(line),
      epochMs: () => platform.epochMs(),
    }),
  });
}

function reclaim(context: CommandContext, kept: KeptRecord): Outcome {
  try {
    const done = reclaimIfLeft(context, kept.key);
    return done
      ? { kept, state: 'reclaimed', reason: null }
      : { kept, state: 'busy', reason: 'another process is at work on it, or has just been' };
  } catch (thrown) {
    return { kept, state: 'failed', reason: explain(thrown) };
  }
}

function report(dryRun: boolean, outcomes: readonly Outcome[], alive: number, damaged: number): unknown {
  const entries = outcomes.map(({ kept, state, reason }) => ({
    ...kept.key,
    pod: kept.record.pod,
    pci: kept.record.identity.pci,
    state,
    reason,
  }));
  return { dryRun, attachments: entries, alive, damaged };
}

const words = { reclaimed: 'reclaimed', left: 'would reclaim', busy: 'left alone', failed: 'FAILED' } as const;

const nameAttachment = ({ ifname, network }: AttachmentKey, holder: string): string =>
  printable(`${ifname} of ${holder}, network ${network}`);

function describe({ style }: Tool, outcomes: readonly Outcome[], alive: number): string {
  const paints = { reclaimed: style.good, left: style.warning, busy: style.warning, failed: style.bad };
  const lines = outcomes.map(({ kept, state, reason }) => {
    const { key, record } = kept;
    const why = reason === null ? '' : `\n  ${printable(reason)}`;
    return `${paints[state](words[state])}: VF ${record.identity.pci}, ${nameAttachment(key, nameHolder(record.pod, key.containerId))}${why}\n`;
  });
  const others = `${alive} ${alive === 1 ? 'attachment' : 'attachments'} of living pods`;
  const summary = outcomes.length === 0 ? `Nothing to reclaim; ${others}.\n` : `${others} kept.\n`;
  return `${lines.join('')}${summary}`;
}
