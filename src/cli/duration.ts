import { InvalidArgumentError } from 'commander';

const unitsMs: Readonly<Record<string, number>> = { '': 1000, s: 1000, m: 60_000, h: 3_600_000 };
const maxMs = 24 * 3_600_000;

/** `15s`, `1m`, `2h`, or seconds alone, in milliseconds. Throws commander's InvalidArgumentError. */
export function parseDuration(text: string): number {
  const [, number = '', unit = ''] = /^(\d{1,6})([smh]?)$/.exec(text) ?? [];
  const ms = number === '' ? 0 : Number(number) * (unitsMs[unit] ?? 0);
  if (ms >= 1000 && ms <= maxMs) return ms;
  throw new InvalidArgumentError('Allowed: 1s to 24h, as in 15s or 1m.');
}
