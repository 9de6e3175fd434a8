import { createLog, type Log, type LogOptions } from '../../../src/lib/log.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/log');

const levels = ['error', 'warning', 'info', 'debug'] as const;

function record(options: Partial<LogOptions> = {}): { readonly log: Log; readonly lines: string[] } {
  const lines: string[] = [];
  const epochMs = (): number => Date.UTC(2026, 0, 2, 3, 4, 5, 678);
  return { log: createLog({ level: 'debug', epochMs, write: (line) => lines.push(line), ...options }), lines };
}

/** What a line says after its time, level and message. */
function fieldsOf(fields: Readonly<Record<string, unknown>>): string | undefined {
  const { log, lines } = record();
  log.info('x', fields);
  return lines[0]?.slice('time=2026-01-02T03:04:05.678Z level=info msg="x"'.length, -1);
}

test('an event is one line of time, level, message and fields', () => {
  const { log, lines } = record({ context: { container: 'c1', ifname: 'net1' } });
  log.warning('the VF is slow', { pci: '0000:3b:02.1', ms: 25 });
  assert.equal(lines, [
    'time=2026-01-02T03:04:05.678Z level=warning msg="the VF is slow" container=c1 ifname=net1 pci=0000:3b:02.1 ms=25\n',
  ]);
});

test('writes events of its level and graver ones', () => {
  for (const [at, level] of levels.entries()) {
    const { log, lines } = record({ level });
    for (const own of levels) log[own]('x');
    assert.equal(
      lines.map((line) => /level=(\w+)/.exec(line)?.[1]),
      levels.slice(0, at + 1),
    );
  }
});

test('values are bare where that is plain, quoted where not', () => {
  assert.is(fieldsOf({ a: 'x-1_y.z:/@%+,' }), ' a=x-1_y.z:/@%+,');
  assert.is(
    fieldsOf({ a: '', b: 'a b', c: 'a"b', d: 'a=b', e: 'a\\b', f: 'ä' }),
    ' a="" b="a b" c="a\\"b" d="a=b" e="a\\\\b" f="ä"',
  );
  assert.is(fieldsOf({ a: 5, b: true, c: null, d: undefined, e: 10n, f: Number.NaN }), ' a=5 b=true c=null e=10 f=NaN');
  assert.is(fieldsOf({ a: ['x', 1n], b: { k: 'v' } }), ' a="[\\"x\\",\\"1\\"]" b="{\\"k\\":\\"v\\"}"');
});

test('an error is written with its causes', () => {
  const error = new Error('set VF 3', { cause: new SystemError('send', 16, 'busy') });
  assert.is(fieldsOf({ error }), ' error="set VF 3: send: EBUSY (busy)"');
});

test('nobody forges a line or acts on a terminal', () => {
  const evil = 'x\nlevel=error msg="forged"\r\u001b[2J\u0000\u007f\u0085\u2028\u2029\u202e\u200b\ufeff';
  const { log, lines } = record();
  log.info(evil, { value: evil, [`k\n${evil}`]: 1, 'a b=c': 2 });
  assert.is(lines.length, 1);
  const [line = ''] = lines;
  assert.is(line.indexOf('\n'), line.length - 1);
  for (const char of ['\r', '\u001b', '\u0000', '\u007f', '\u0085', '\u2028', '\u2029', '\u202e', '\u200b', '\ufeff']) {
    assert.not(line.includes(char), char.charCodeAt(0).toString(16));
  }
  assert.match(line, 'a_b_c=2');
});

test('long values are cut', () => {
  assert.ok((fieldsOf({ a: 'x'.repeat(65536), b: 'y z'.repeat(65536), c: ['w'.repeat(65536)] })?.length ?? 0) < 7000);
});

test('a failing sink and a value that can’t be written fail nothing', () => {
  const { log } = record({
    write: () => {
      throw new SystemError('append /log', 28);
    },
  });
  log.error('x');
  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  const { log: other, lines } = record();
  other.info('x', { circular });
  other.info('y');
  assert.match(lines.at(-1) ?? '', 'msg="y"');
});
