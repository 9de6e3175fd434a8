import { printable } from '../../lib/quote.ts';

export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Family {
  readonly name: string;
  /** `unknown` has no TYPE line. It is for counters without `_total`, which are no counters to OpenMetrics. */
  readonly type: 'gauge' | 'unknown';
  readonly help: string;
  readonly samples: readonly Sample[];
}

const escaped = (text: string): string => text.replace(/[\\"\n]/g, (char) => (char === '\n' ? '\\n' : `\\${char}`));

function formatSample(name: string, { labels, value }: Sample): string {
  const pairs = Object.entries(labels).map(([label, text]) => `${label}="${escaped(printable(text))}"`);
  return `${name}${pairs.length === 0 ? '' : `{${pairs.join(',')}}`} ${value}\n`;
}

function formatFamily({ name, type, help, samples }: Family): string {
  const lines = samples.map((sample) => formatSample(name, sample));
  const typeLine = type === 'unknown' ? '' : `# TYPE ${name} ${type}\n`;
  return lines.length === 0 ? '' : `${typeLine}# HELP ${name} ${escaped(help)}\n${lines.join('')}`;
}

/**
 * OpenMetrics 1.0 text that is valid in the older format of Prometheus, too, because node_exporter's textfile collector
 * reads only that. Families without samples are left out.
 */
export function formatMetrics(families: readonly Family[]): string {
  return `${families.map(formatFamily).join('')}# EOF\n`;
}
