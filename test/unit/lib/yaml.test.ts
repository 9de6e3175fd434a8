import { parseYaml, parseYamlDocuments, type YamlError } from '../../../src/lib/yaml.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('lib/yaml');

function refuse(text: string, ...tokens: readonly string[]): YamlError {
  return throws(() => parseYamlDocuments(text), 'Error', ...tokens) as YamlError;
}

test('reads the CDI spec of a pod', () => {
  const text = `---
cdiVersion: 0.5.0
kind: sriovnetwork.k8snetworkplumbingwg.io/vf
devices:
    - name: uid
      containerEdits:
        env:
            - SRIOVNETWORK_PCI_ADDRESSES=0000:3b:02.1,0000:3b:02.3
`;
  assert.equal(parseYaml(text), {
    cdiVersion: '0.5.0',
    kind: 'sriovnetwork.k8snetworkplumbingwg.io/vf',
    devices: [{ name: 'uid', containerEdits: { env: ['SRIOVNETWORK_PCI_ADDRESSES=0000:3b:02.1,0000:3b:02.3'] } }],
  });
});

test('reads all documents, without the empty ones; JSON is YAML', () => {
  assert.equal(parseYamlDocuments('---\na: 1\n---\n# nothing\n---\n{"b": [2]}\n...\n'), [{ a: 1 }, { b: [2] }]);
  assert.equal(parseYamlDocuments(''), []);
  assert.equal(parseYamlDocuments('# only a comment\n'), []);
  assert.is(parseYaml(''), null);
});

test('values are those of YAML 1.2: on and off are text', () => {
  assert.equal(parseYaml('{a: on, b: off, c: yes, d: 0x1f, e: 2001-01-01, f: ~, g: "5"}'), {
    a: 'on',
    b: 'off',
    c: 'yes',
    d: 31,
    e: '2001-01-01',
    f: null,
    g: '5',
  });
});

test('malformed text names the line', () => {
  const cases: readonly (readonly [string, number])[] = [
    ['a: 1\nb: [1, 2\nc: 3\n', 3],
    ['a: b: c\n', 1],
    ['a: 1\n\tb: 2\n', 2],
    ['x: 1\ny: "open\n', 3],
    ['ok: 1\n---\na: 1\na: 2\n', 4],
  ];
  for (const [text, line] of cases) {
    const { line: actual, message } = refuse(text, `line ${line}, column `);
    assert.is(actual, line, text);
    assert.not.match(message, '\n');
  }
});

test('an alias without an anchor is named', () => {
  refuse('a: *missing\n', 'missing');
});

test('bombs are refused: aliases, depth, circles', () => {
  const laugh = ['a: &a [x,x,x,x,x,x,x,x,x]'];
  for (const [own, before] of [
    ['b', 'a'],
    ['c', 'b'],
    ['d', 'c'],
    ['e', 'd'],
    ['f', 'e'],
    ['g', 'f'],
  ]) {
    laugh.push(`${own}: &${own} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`);
  }
  refuse(laugh.join('\n'), 'alias');
  for (const text of ['[', '- ', '? ', '{a: ']) refuse(text.repeat(20000));
  const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
  assert.ok(parseYaml(nested(64)));
  refuse(nested(65), 'deep');
  throws(() => parseYamlDocuments(nested(3), { maxDepth: 2 }), 'Error', 'deep');
  refuse('a: &a [*a]', 'deep');
  assert.equal(parseYaml('a: &a [1]\nb: *a\n'), { a: [1], b: [1] });
  throws(() => parseYamlDocuments('a: &a [1]\nb: [*a, *a]\n', { maxAliasCount: 1 }), 'Error', 'alias');
});

test('tags make no code, prototype keys are keys', () => {
  assert.equal(parseYaml('a: !!js/function "x"\n'), { a: 'x' });
  const parsed = parseYaml('__proto__: {polluted: 1}\n') as Record<string, unknown>;
  assert.is(parsed['polluted'], undefined);
  assert.is(({} as Record<string, unknown>)['polluted'], undefined);
});
