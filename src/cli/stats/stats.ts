import type { Counters } from '../../kernel/rtnl/statistics.ts';
import { describeRecent, readErrors } from '../node/recent-errors.ts';
import { describeEntry, nameAttachment } from '../node/records.ts';
import { surveyNode } from '../node/survey.ts';
import { type Column, createStyle, formatTable, type Row, type Style, wrap } from '../text.ts';
import { type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { type CountedVf, countVfs } from './counters.ts';

interface StatsOptions {
  readonly watch?: boolean;
  /** Milliseconds between two looks. */
  readonly every: number;
  readonly json?: boolean;
}

interface Look {
  readonly atMs: number;
  readonly vfs: readonly CountedVf[];
}

type Rates = Readonly<Record<'rxBytes' | 'txBytes' | 'rxPackets' | 'txPackets', number>>;

interface Measured extends CountedVf {
  /** Per second between two looks; null if there were not two, or a counter began anew. */
  readonly perSecond: Rates | null;
}

function look(tool: Tool): Look {
  const { platform } = tool;
  const vfs = countVfs(platform, surveyNode(tool));
  return { atMs: platform.monotonicMs(), vfs };
}

function ratesOf(before: Counters | null | undefined, now: Counters | null, ms: number): Rates | null {
  if (before === null || before === undefined || now === null || ms <= 0) return null;
  const rate = (key: keyof Rates): number => Math.round(((now[key] - before[key]) * 1000) / ms);
  const rates = {
    rxBytes: rate('rxBytes'),
    txBytes: rate('txBytes'),
    rxPackets: rate('rxPackets'),
    txPackets: rate('txPackets'),
  };
  return Object.values(rates).some((each) => each < 0) ? null : rates;
}

function measure(before: Look, now: Look): readonly Measured[] {
  const earlier = new Map(before.vfs.map((each) => [each.vf.sysfs.pci, each]));
  return now.vfs.map((each) => {
    const was = earlier.get(each.vf.sysfs.pci);
    const isSame = was?.countedBy === each.countedBy && was?.vf.link?.ifindex === each.vf.link?.ifindex;
    const perSecond = isSame ? ratesOf(was?.counters, each.counters, now.atMs - before.atMs) : null;
    return { ...each, perSecond };
  });
}

/**
 * `stats [--watch]`: counters and rates of each VF. Looks twice for the rates; with --watch goes on until a signal ends
 * it. Changes nothing.
 */
export function stats(tool: Tool, { watch = false, every, json = false }: StatsOptions): ExitCode {
  const { platform } = tool;
  let before = look(tool);
  do {
    platform.sleepMs(every);
    const now = look(tool);
    const measured = measure(before, now);
    const errors = readErrors(platform);
    if (json) {
      printJson(tool, {
        seconds: (now.atMs - before.atMs) / 1000,
        vfs: measured.map(measuredJson),
        errors: errorsJson(errors),
      });
    } else {
      // The terminal may have another width by now.
      const style = createStyle(platform);
      const begin = watch && platform.isTerminal('stdout') ? clearScreen : '';
      platform.writeStdout(`${begin}${describe(style, measured)}${describeErrors(style, errors)}`);
    }
    before = now;
  } while (watch);
  return exitCodes.fine;
}

/** ED and CUP of ECMA-48. */
const clearScreen = '\u001b[H\u001b[2J';

const columns: readonly Column[] = [
  { title: 'VF' },
  { title: 'HOLDER', minWidth: 12 },
  { title: 'RX/s', right: true },
  { title: 'TX/s', right: true },
  { title: 'RX', right: true },
  { title: 'TX', right: true },
  { title: 'DROPS', right: true },
  { title: 'ERRORS', right: true },
];

/** `1.5M`: of bytes or packets, in powers of 1000. */
function scale(value: number): string {
  const units = ['', 'k', 'M', 'G', 'T', 'P'];
  let [scaled, unit] = [value, 0];
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1000;
    unit++;
  }
  return `${unit === 0 || scaled >= 99.5 ? Math.round(scaled) : scaled.toFixed(1)}${units[unit]}`;
}

function holderOf({ vf }: CountedVf): string {
  const { holder, link, netns, sriovCni } = vf;
  if (sriovCni !== null) return describeEntry(sriovCni);
  if (holder !== null) return nameAttachment(holder);
  return netns === null ? '-' : `${link?.name} in ${netns}`;
}

function rowOf(style: Style, measured: Measured): Row {
  const { vf, counters, perSecond } = measured;
  const shown = (value: number | null | undefined): string =>
    value === null || value === undefined ? '-' : scale(value);
  const bad = (one: number | null, other: number | null) => {
    const sum = one === null || other === null ? null : one + other;
    return { text: shown(sum), paint: sum !== null && sum > 0 ? style.warning : (text: string) => text };
  };
  return {
    cells: [
      vf.sysfs.pci,
      holderOf(measured),
      shown(perSecond?.rxBytes),
      shown(perSecond?.txBytes),
      shown(counters?.rxBytes),
      shown(counters?.txBytes),
      bad(counters?.rxDropped ?? null, counters?.txDropped ?? null),
      bad(counters?.rxErrors ?? null, counters?.txErrors ?? null),
    ],
  };
}

function describe(style: Style, measured: readonly Measured[]): string {
  if (measured.length === 0) return 'This node has no VFs.\n';
  const rows = measured.map((each) => rowOf(style, each));
  return formatTable(columns, rows, { indent: 0, style });
}

function describeErrors(style: Style, errors: ReturnType<typeof readErrors>): string {
  const recent = typeof errors === 'string' ? '' : describeRecent(errors);
  return recent === '' ? '' : `${style.warning(wrap(style, `Errors in the last hour: ${recent}.`, 0))}\n`;
}

function errorsJson(errors: ReturnType<typeof readErrors>): unknown {
  if (typeof errors === 'string') return null;
  return errors.map(({ command, code, recent, last }) => ({
    command,
    code,
    lastHour: recent,
    lastAt: new Date(last.atMs).toISOString(),
    lastMessage: last.message,
  }));
}

function measuredJson({ pf, vf, counters, countedBy, perSecond }: Measured): unknown {
  const { holder, sysfs, index } = vf;
  return {
    pci: sysfs.pci,
    pf: pf.link?.name ?? null,
    vf: index,
    holder: holder === null ? null : { ...holder.key, pod: holder.record.pod },
    countedBy,
    counters,
    perSecond,
  };
}
