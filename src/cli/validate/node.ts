import type { Json } from '../../lib/json.ts';
import { describeProblems, fits, problemsIn } from '../../lib/json-schema.ts';
import { printable, quote, show } from '../../lib/quote.ts';
import { settings } from '../../settings/settings.ts';
import { type ProbedPf, type ProbeReport, probeReport, type TriedValue } from '../probe/report.ts';
import { type Finding, warning } from './finding.ts';

/** Reads the output of `probe --json`. Throws an Error that says what is wrong with the text. */
export function readProbeReport(text: string): ProbeReport {
  let report: unknown;
  try {
    report = JSON.parse(text);
  } catch {
    throw new Error('it is no JSON');
  }
  if (!fits(probeReport, report)) throw new Error(describeProblems(problemsIn(probeReport, report)));
  if (report.pfs.some((pf) => pf.settings.length > 0)) return report;
  const reasons = report.pfs.flatMap(({ failure }) => failure ?? []);
  throw new Error(`nothing was tried there: ${reasons.join('; ')}`);
}

interface Objection {
  readonly pf: ProbedPf;
  /** Null: there is no reason against it. */
  readonly reason: string | null;
}

const shortOf = ({ name, pci, driver }: ProbedPf): string => printable(`PF ${name ?? pci} (${driver ?? 'no driver'})`);

function reasonOf({ key, value, outcome, errno, message }: TriedValue, asked: unknown): string | null {
  const tried = String(asked).toLowerCase() === value ? '' : `, when ${key} ${value} was tried`;
  const why = errno ?? message;
  if (outcome === 'refused') return printable(`refuses it${tried}${why === null ? '' : `: ${why}`}`);
  if (outcome === 'ignored') return printable(`accepts it without an error, but does not set it${tried}`);
  return outcome === 'unreported' ? 'tells nothing of it, and may refuse it' : null;
}

/** The objection of a PF to a value: probe tries one example of a number, and each value of a choice. */
function objectionTo(key: string, value: unknown, isChoice: boolean, pf: ProbedPf): string | null {
  if (key === 'mtu' && typeof value === 'number' && pf.mtu !== null && value > pf.mtu) {
    return `has MTU ${pf.mtu}, and none of its VFs may have more`;
  }
  const tried = pf.settings.filter((each) => each.way === null && each.key === key);
  const same = isChoice ? tried.filter((each) => each.value === String(value).toLowerCase()) : tried;
  return same.map((each) => reasonOf(each, value)).find((reason) => reason !== null) ?? null;
}

/** False for 0, which is no VLAN and no limit, and for "", which counts as absent. */
const isAsked = (value: unknown): boolean =>
  typeof value === 'string' ? value !== '' : typeof value === 'number' && value !== 0;

function findingOf(key: string, value: unknown, objections: readonly Objection[]): Finding | null {
  const against = objections.flatMap(({ pf, reason }) => (reason === null ? [] : [`${shortOf(pf)} ${reason}`]));
  if (against.length === 0) return null;
  const others = objections.filter(({ reason }) => reason === null).map(({ pf }) => shortOf(pf));
  const rest = others.length === 0 ? '' : `; not so ${others.join(', ')}`;
  return warning(key, `${typeof value === 'string' ? quote(value) : show(value)}: ${against.join('; ')}${rest}`);
}

/** Warnings of what a plugin's config asks for and a node's PFs refuse or ignore. */
export function checkAgainstNode(config: Json, { pfs }: ProbeReport): Finding[] {
  const probed = pfs.filter((pf) => pf.settings.length > 0);
  return settings.flatMap((setting) => {
    const findings = new Map<string, Finding>();
    for (const [key, { inner }] of Object.entries(setting.keys)) {
      const value = config[key];
      // Of what is refused with all that it needs, that is said once.
      const needed = (setting.needs as Readonly<Record<string, string>> | undefined)?.[key];
      if (!isAsked(value) || (needed !== undefined && findings.has(needed))) continue;
      const objections = probed.map((pf) => ({ pf, reason: objectionTo(key, value, inner.kind === 'choice', pf) }));
      const finding = findingOf(key, value, objections);
      if (finding !== null) findings.set(key, finding);
    }
    return [...findings.values()];
  });
}
