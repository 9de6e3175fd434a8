import { printable } from '../../lib/quote.ts';
import { describeRecent, readErrors } from '../node/recent-errors.ts';
import { type Paint, wrap } from '../text.ts';
import { commandName, type ExitCode, exitCodes, formatAge, printJson, type Tool } from '../tool.ts';
import { type Check, type Examined, examine, note, ok, type Verdict, warning, wrong } from './check.ts';
import { checkClaims } from './claim-checks.ts';
import { checkIpam } from './ipam-checks.ts';
import { nodeChecks } from './node-checks.ts';
import { checkPerformance } from './performance-checks.ts';
import { checkPlugins } from './plugin-checks.ts';
import { checkVfs } from './vf-checks.ts';

/** The driver doesn't start with a broken checkpoint, and writes a spec only when it prepares a claim. */
const remedyForFiles =
  'a CDI spec: delete its pod; a checkpoint: remove it and restart the DRA driver’s pod, which begins with an empty one';

/** Recent failures of verbs, as the runtime was told; null if no verb has ever failed. */
function checkFailures({ platform }: Examined): Check | null {
  const errors = readErrors(platform);
  if (typeof errors === 'string') return note('errors', `the failures on record can’t be read: ${errors}`);
  const [newest] = errors;
  if (newest === undefined) return null;
  const { command, code, last } = newest;
  const age = formatAge(platform.epochMs() - last.atMs);
  const recent = describeRecent(errors);
  if (recent === '') return ok('errors', `none in the last hour; the last was ${code} of ${command}, ${age} ago`);
  const found = `in the last hour: ${recent}; the last ${age} ago: ${last.message}`;
  return warning('errors', found, `${commandName(platform)} explain POD; docs/errors.md has each code`);
}

/** Makes all checks. A check that can't be made counts as wrong. */
function diagnose(examined: Examined): readonly Check[] {
  const { survey, pods, brokenSpecs, leftOver, platform } = examined;
  const records = typeof survey === 'string' ? [] : survey.kept.records;
  return [
    ...nodeChecks.map((check) => check(examined)),
    ...checkPlugins(examined, records),
    ...(typeof survey === 'string'
      ? [wrong('vfs', `they can’t be looked at: ${survey}`, 'run it as root on the host')]
      : checkVfs(survey, commandName(platform))),
    ...(typeof pods === 'string' ? [wrong('claims', pods, remedyForFiles)] : []),
    ...(typeof pods === 'string' || typeof survey === 'string'
      ? []
      : checkClaims({ pods, brokenSpecs, leftOver, survey, platform })),
    ...(typeof survey === 'string' ? [] : checkPerformance(platform, survey)),
    ...checkIpam(examined, records),
    ...[checkFailures(examined)].filter((check) => check !== null),
  ];
}

/** `doctor`: looks for what commonly goes wrong. Changes nothing on the node. */
export function doctor(tool: Tool, { json = false }: { readonly json?: boolean }): ExitCode {
  const checks = diagnose(examine(tool));
  const isWrong = checks.some(({ verdict }) => verdict === 'wrong');
  if (json) printJson(tool, { healthy: !isWrong, checks });
  else {
    const { platform, style } = tool;
    const summary = isWrong || hasDoubts(checks) ? style.strong(summarise(checks)) : style.good('Nothing is wrong.');
    platform.writeStdout(`${describeChecks(tool, checks)}${summary}\n`);
  }
  return isWrong ? exitCodes.wrong : exitCodes.fine;
}

const idWidth = 'capabilities'.length;

const countOf = (checks: readonly Check[], wanted: Verdict): number =>
  checks.filter(({ verdict }) => verdict === wanted).length;

const hasDoubts = (checks: readonly Check[]): boolean => countOf(checks, 'warning') > 0;

/** `1 wrong, 2 to look at.` */
export const summarise = (checks: readonly Check[]): string =>
  `${countOf(checks, 'wrong')} wrong, ${countOf(checks, 'warning')} to look at.`;

/** A line for each check, with its remedy below. */
export function describeChecks({ style }: Pick<Tool, 'style'>, checks: readonly Check[]): string {
  const paints: Record<Verdict, Paint> = {
    ok: style.good,
    note: style.faint,
    warning: style.warning,
    wrong: style.bad,
  };
  const column = 'warning'.length + idWidth + 4;
  const lines = checks.map(({ id, verdict, found, remedy }) => {
    const text = wrap(style, printable(found), column, 0).trimStart();
    const title = `${paints[verdict](verdict.padEnd(7))}  ${id.padEnd(idWidth)}  ${text}`;
    return remedy === null ? title : `${title}\n${wrap(style, `-> ${printable(remedy)}`, column, 3)}`;
  });
  return `${lines.join('\n')}\n`;
}
