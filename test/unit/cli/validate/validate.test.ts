import { createStyle } from '../../../../src/cli/text.ts';
import type { Finding } from '../../../../src/cli/validate/finding.ts';
import { checkText, validate } from '../../../../src/cli/validate/validate.ts';
import { usualTypes } from '../../../../src/config/sriov-conf.ts';
import { createMemoryPlatform, type MemoryPlatform } from '../../../support/memory-platform.ts';
import { sourceParts } from '../../../support/source-parts.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/validate');

const check = (text: string): readonly Finding[] =>
  checkText(sourceParts, 'file', text, { ourTypes: new Set(usualTypes), node: null }).findings;
const validateFiles = (platform: MemoryPlatform, ...files: readonly string[]): number =>
  validate({ platform, here: platform, style: createStyle(platform), ...sourceParts }, files, { type: usualTypes });
const lines = (text: string): string[] =>
  check(text).map(({ severity, path, message }) => `${severity}: ${path}: ${message}`);
const checkJson = (value: unknown): string[] => lines(JSON.stringify(value));

/** Asserts each finding, in order: severity, path, and of the message what it names. */
function tells(text: string, expected: readonly (RegExp | string)[]): void {
  const found = lines(text);
  assert.is(found.length, expected.length, found.join('\n'));
  for (const [at, line] of found.entries()) assert.match(line, expected[at] ?? '');
}

const definition = (config: string, metadata = 'name: vf-test1, namespace: vf-test8'): string =>
  `apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {${metadata}}\nspec:\n  config: '${config}'\n`;

const title = 'NetworkAttachmentDefinition vf-test8/vf-test1';

test('a network config: every error with its path, misspelt keys, too', () => {
  assert.equal(checkJson({ cniVersion: '1.0.0', name: 'a', type: 'sriov', vlan: 5 }), []);
  tells(JSON.stringify({ cniVersion: '9', name: 'a/b', type: 'sriov', vlan: -1, vlna: 1, Trust: 'on' }), [
    /^error: name: "a\/b" .*allowed: .*\b255\b/,
    /^error: cniVersion: "9" .*allowed: 0\.1\.0, 0\.2\.0, 0\.3\.0, 0\.3\.1, 0\.4\.0, 1\.0\.0, 1\.1\.0$/,
    /^error: vlan: -1 .*allowed: .*\b0\b.*\b4094$/,
    /^error: vlna: .*\bvlan\b/,
    /^warning: Trust: .*\btrust\b/,
  ]);
  tells('{"type":"sriov"}', [/^error: name: /]);
  assert.match(checkJson({ name: 'a' }).join(), 'error: type: ');
});

test('a conflist: only our plugin is checked whole', () => {
  const list = {
    cniVersion: '1.0.0',
    name: 'a',
    plugins: [
      { type: 'bridge', vlan: 'any', mtu: 'x' },
      { type: 'sriov', vlan: 'x' },
      { vlan: 5 },
      'x',
      { type: 'tuning' },
    ],
  };
  const found = checkJson(list);
  assert.equal(
    found.map((line) => line.split(': ').slice(0, 2).join(' ')),
    ['error plugins[1].vlan', 'error plugins[2].type', 'error plugins[3]'],
  );
});

test('a conflist needs plugins, and versions it may have several of', () => {
  for (const plugins of [[], {}, 'x', null]) assert.match(checkJson({ name: 'a', plugins }).join(), 'error: plugins: ');
  const plugins = [{ type: 'sriov' }];
  assert.equal(checkJson({ name: 'a', cniVersions: ['0.4.0', '1.1.0'], plugins }), []);
  assert.match(checkJson({ name: 'a', cniVersions: ['0.4.0', '2.0.0'], plugins }).join(), '"2.0.0"');
});

test('where nothing is ours there is a warning, not silence', () => {
  tells('{"name":"a","type":"macvlan","vlan":"x"}', [/^warning: type: .*"sriov"/]);
  tells('{"name":"a","plugins":[{"type":"macvlan"}]}', [/^warning: plugins: .*"sriov"/]);
});

test('definitions of other plugins are theirs: nothing is said of them, as long as there is one of ours', () => {
  const others = [
    '{"cniVersion":"9","name":"b/c","type":"macvlan","vlan":"x","vlan":"y"}',
    '{"name":"other","plugins":[{"type":"ovs","vlna":1},{"type":"tuning"}]}',
    '{"type":"ib-sriov"}',
    '{"type":"sriov2"}',
  ].map((config) => definition(config, 'name: Bad_Name'));
  for (const other of others) assert.equal(lines(other), [], other);
  const only = createMemoryPlatform({ files: { '/one.yaml': others[0] ?? '', '/two.yaml': others.join('---\n') } });
  assert.is(validateFiles(only, '/one.yaml', '/two.yaml'), 0);
  const told = only.stdout.trimEnd().split('\n');
  assert.match(told[0] ?? '', /^warning: \/one\.yaml:1:1: .*"sriov" or "dra-sriov".*--type/);
  assert.equal(told.slice(1), ['valid: /one.yaml', 'valid: /two.yaml']);
  const stdin = [definition('{"type":"sriov"}'), ...others].join('---\n');
  const mixed = createMemoryPlatform({ stdin });
  assert.is(validateFiles(mixed, '-'), 0);
  assert.is(mixed.stdout, 'valid: stdin\n');
});

test('a type that is ours, misspelt, is an error', () => {
  for (const [type, meant] of [
    ['srivo', 'sriov'],
    ['SRIOV', 'sriov'],
    ['sriov-cni', 'sriov'],
    ['dra_sriov', 'dra-sriov'],
    ['dra-srov', 'dra-sriov'],
  ] as const) {
    const told = [new RegExp(`^error: .*type: "${type}" .*${meant}.*--type`)];
    tells(`{"name":"a","type":"${type}"}`, told);
    tells(`{"name":"a","plugins":[{"type":"${type}"},{"type":"tuning"}]}`, told);
    tells(definition(`{"type":"${type}"}`), told);
  }
});

test('definitions: other kinds are skipped, the config inside needs no name', () => {
  const text = `apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n---\n${definition('{"type":"sriov","vlan":5000}')}`;
  tells(text, [`error: ${title}: spec.config: vlan: 5000 `]);
  assert.equal(lines(definition('{"type":"sriov"}')), []);
  const inList = definition('{"plugins":[{"type":"tuning"},{"type":"sriov","mtu":1}]}');
  assert.match(lines(inList).join(), `error: ${title}: spec.config: plugins[1].mtu: 1 `);
});

test('definitions in a List, and in JSON', () => {
  const one = { apiVersion: 'k8s.cni.cncf.io/v1', kind: 'NetworkAttachmentDefinition', metadata: { name: 'a' } };
  const bad = { ...one, spec: { config: '{"type":"sriov","mtu":1}' } };
  const expected = 'error: NetworkAttachmentDefinition a: spec.config: mtu: 1 ';
  assert.match(checkJson(bad).join(), expected);
  assert.match(checkJson({ kind: 'List', items: [{ kind: 'Pod' }, bad] }).join(), expected);
});

test('what surrounds the config in a definition', () => {
  const annotated = (name: string): string =>
    definition(
      '{"type":"sriov"}',
      `name: vf-test1, namespace: vf-test8, annotations: {k8s.v1.cni.cncf.io/resourceName: "${name}"}`,
    );
  for (const name of ['example.com/sriov_nic_1', 'sriov_nic_1', 'intel.com/pci.sriov-x', ''])
    assert.equal(lines(annotated(name)), []);
  for (const name of ['a b', '/a', 'a/', 'a/b/c', 'UPPER.com/x', '../x']) {
    assert.match(
      lines(annotated(name)).join(),
      `error: ${title}: metadata.annotations["k8s.v1.cni.cncf.io/resourceName"]: "${name}"`,
    );
  }
  assert.match(lines(definition('{"type":"sriov"}', 'name: Bad_Name')).join(), 'metadata.name: "Bad_Name"');
  assert.match(
    lines(definition('{"type":"sriov"}', '')).join(),
    'error: NetworkAttachmentDefinition: metadata.name: undefined',
  );
  const wrongGroup = definition('{"type":"sriov"}').replace('k8s.cni.cncf.io/v1', 'k8s.cni.cncf.io/v1beta1');
  assert.match(lines(wrongGroup).join(), 'apiVersion: "k8s.cni.cncf.io/v1beta1" ');
});

test('a config that is no JSON, no text, or not there', () => {
  tells(definition('{"type":"sriov",}'), [new RegExp(`^error: ${title}: spec\\.config: .*\\bcomma\\b`)]);
  tells(definition(''), [`warning: ${title}: spec.config: `]);
  tells(definition('').replace("'", '{a: 1} #'), [`error: ${title}: spec.config: {"a":1} `]);
  tells(definition('[]'), [`error: ${title}: spec.config: [] `]);
});

test('syntax errors have their line', () => {
  tells('{\n "name": "a",\n}', [/^error: : .*\bcomma\b/]);
  assert.match(lines('kind: x\nmetadata: [1\nspec: 2\n').join(), 'error: : ');
});

test('files that hold nothing to check', () => {
  for (const text of ['', ' \n', '\ufeff']) tells(text, [/^error: : .*\bempty\b/]);
  for (const text of ['kind: Namespace\n', '# comment']) tells(text, [/^error: : /]);
  for (const text of ['[]', '[{"type":"sriov"}]']) tells(text, [/^error: : .*allowed: .*\bobject\b/]);
  assert.equal(lines('\ufeff{"name":"a","type":"sriov"}'), []);
});

test('hostile files end in an error', () => {
  for (const text of [
    '{"a":'.repeat(5000),
    `{"name":"a","x":${'['.repeat(100)}${']'.repeat(100)}}`,
    '- '.repeat(5000),
    '\u0000',
  ]) {
    assert.ok(
      check(text).some(({ severity }) => severity === 'error'),
      text.slice(0, 10),
    );
  }
  const evil = lines('{"name":"\\u202ea\\u001b[2J","type":"sriov"}').join();
  assert.not.match(evil, '\u202e');
  assert.not.match(evil, '\u001b');
});

test('files that can’t be read are errors; the others are checked all the same', () => {
  const platform = createMemoryPlatform({ files: { '/ok.json': '{"name":"a","type":"sriov"}', '/denied.json': '{}' } });
  platform.failNext('readFile', '/denied.json', 13);
  assert.is(validateFiles(platform, '/none', '/denied.json', '/ok.json'), 1);
  assert.match(platform.stdout, 'error: /none: ');
  assert.match(platform.stdout, /error: \/denied\.json: .*EACCES/);
  assert.match(platform.stdout, 'valid: /ok.json\n');
});

test('stdin, and directories: what is there and below it, as far as it holds something to check', () => {
  const good = '{"name":"a","type":"sriov"}';
  const bad = definition('{"type":"sriov","vlanId":5}');
  const files = {
    '/d/kustomization.yaml': 'resources: [x]\n',
    '/d/base/nad.yaml': bad,
    '/d/a.conf': good,
    '/d/.git/x.yaml': ': bad',
    '/d/README.md': '{',
    '/d/package.json': '{"name":"a","type":"module"}',
    '/d/tsconfig.json': '{"compilerOptions":{"plugins":[]}}',
    '/d/list.json': '["a"]',
    '/d/other.conflist': '{"name":"a","cniVersion":"9","plugins":[{"type":"macvlan"}]}',
    '/empty/x.txt': '',
  };
  const platform = createMemoryPlatform({ files, stdin: `${bad}---\napiVersion: v1\nkind: List\nitems: []\n` });
  assert.is(validateFiles(platform, '/d'), 1);
  const [valid, error = '', ...fix] = platform.stdout.trimEnd().split('\n');
  assert.is(valid, 'valid: /d/a.conf');
  assert.match(error, `error: /d/base/nad.yaml:5:28: ${title}: spec.config: vlanId: `);
  assert.equal(fix, ['  write: vlan']);
  assert.is(validateFiles(platform, '/empty'), 1);
  assert.match(platform.stdout, 'error: /empty: ');
  assert.is(validateFiles(platform, '-'), 1);
  assert.match(platform.stdout, `error: stdin:5:28: ${title}: spec.config: vlanId`);
});

test('a List as kubectl gives it: definitions, workloads and claims of several namespaces', () => {
  const objects = [
    ['net', 'one'],
    ['net', 'two'],
  ].map(([name, namespace]) => ({
    apiVersion: 'k8s.cni.cncf.io/v1',
    kind: 'NetworkAttachmentDefinition',
    metadata: { name, namespace },
    spec: { config: JSON.stringify({ type: 'sriov', name, spoofcheck: 'off' }) },
  }));
  const list = { apiVersion: 'v1', kind: 'List', items: [{ kind: 'Pod', apiVersion: 'v1' }, ...objects] };
  const text = JSON.stringify(list, null, 2);
  const platform = createMemoryPlatform({ stdin: text });
  assert.is(validateFiles(platform, '-'), 1);
  const [at = '', other = ''] = [...platform.stdout.matchAll(/stdin:(\d+:\d+)/g)].map(([, position]) => position);
  for (const position of [at, other]) {
    const [line = 1, column = 1] = position.split(':').map(Number);
    assert.ok(
      text
        .split('\n')
        [line - 1]?.slice(column - 1)
        .startsWith('\\"spoofcheck'),
      position,
    );
  }
  assert.is.not(at, other);
});

test('a file with warnings alone is valid', () => {
  const platform = createMemoryPlatform({ files: { '/w.json': '{"name":"a","type":"sriov","Vlan":1}' } });
  assert.is(validateFiles(platform, '/w.json'), 0);
  const [warning = '', ...rest] = platform.stdout.trimEnd().split('\n');
  assert.match(warning, 'warning: /w.json:1:28: Vlan: ');
  assert.equal(rest, ['  write: vlan', 'valid: /w.json']);
});
