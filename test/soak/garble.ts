/** Pseudo-random numbers from 0 to below `limit`, the same for the same seed (xorshift32). */
export function createRandom(seed: number): (limit: number) => number {
  let state = seed | 1;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

type Random = (limit: number) => number;

const values: readonly unknown[] = [
  null,
  true,
  -1,
  1e308,
  '',
  'x'.repeat(300),
  [],
  {},
  [[{}]],
  '\u0000',
  '../../etc',
  4095,
];

function withOtherValue(conf: Readonly<Record<string, unknown>>, random: Random): string {
  const keys = Object.keys(conf);
  return JSON.stringify({ ...conf, [keys[random(keys.length)] ?? 'name']: values[random(values.length)] });
}

function withOtherByte(text: string, random: Random): string {
  const at = random(text.length);
  return text.slice(0, at) + String.fromCharCode(random(256)) + text.slice(at + 1);
}

const nested = (depth: number): string => `${'['.repeat(depth)}${']'.repeat(depth)}`;

/** A network config that is damaged in one of many ways; some are still good. */
export function garble(conf: Readonly<Record<string, unknown>>, random: Random): string {
  const text = JSON.stringify(conf);
  const ways: readonly (() => string)[] = [
    () => text.slice(0, random(text.length)),
    () => withOtherByte(text, random),
    () => withOtherValue(conf, random),
    () => text.replace('{', `{"deep":${nested(1 + random(5000))},`),
    () => `${text}${text}`,
    () => text.replace('{', `{"${'k'.repeat(random(100_000))}":1,`),
    () => ' '.repeat(1024 * 1024 + random(2)),
    () => '\u0000\ufffd\ud800'.repeat(random(1000)),
  ];
  return ways[random(ways.length)]?.() ?? text;
}
