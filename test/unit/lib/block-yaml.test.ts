import { readBlockYaml } from '../../../src/lib/block-yaml.ts';
import { parseYaml } from '../../../src/lib/yaml.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/block-yaml');

/** As container-device-interface 1.1.0 writes them (`Cache.WriteSpec`). */
const claimSpec = `---
cdiVersion: 0.5.0
kind: sriovnetwork.k8snetworkplumbingwg.io/vf
devices:
    - name: 5f1f4c8a-1b1c-4b1e-9d1c-0123456789ab-0000-3b-02-1
      containerEdits:
        env:
            - SRIOVNETWORK_VF_DEVICE_0000-3b-02-1=0000:3b:02.1
            - SRIOVNETWORK_NET_ATTACH_DEF_NAME=vf-test1
            - SRIOVNETWORK_NET_ATTACH_DEF_NAME=
        deviceNodes:
            - path: /dev/vfio/vfio
              hostPath: /dev/vfio/vfio
              permissions: mrw
            - path: /dev/vfio/12
              type: c
              major: 10
              minor: 196
              fileMode: 432
              uid: 0
        mounts:
            - hostPath: /a b
              containerPath: /x
              options:
                - ro
                - bind
`;
const podSpec = `---
cdiVersion: 0.5.0
kind: sriovnetwork.k8snetworkplumbingwg.io/vf
devices:
    - name: 12345678-1234-1234-1234-123456789012
      containerEdits:
        env:
            - SRIOVNETWORK_PCI_ADDRESSES=0000:3b:02.1,0000:3b:02.2
`;

/** Whether the text is read at all. Asserts that the library reads the same of it. */
function agrees(text: string): boolean {
  const read = readBlockYaml(text);
  if (read === undefined) return false;
  assert.equal(read, parseYaml(text), JSON.stringify(text));
  return true;
}

test('reads what the CDI library of Go writes', () => {
  for (const text of [claimSpec, podSpec, podSpec.trimEnd(), podSpec.slice(4)]) assert.ok(agrees(text), text);
});

test('reads other ways to indent', () => {
  const texts = [
    'a: 1\nb:\n- x\n- y: 1\n  z: {}\nc: []\n',
    'a:\n - b:\n    c: d\n',
    '- - 1\n  - x=y:z\n- a: on\n  b: yes\n',
    'text without anything else',
  ];
  for (const text of texts) assert.ok(agrees(text), text);
});

test('leaves to the library what is written in another way, or wrong', () => {
  const texts = [
    '',
    '---\n',
    'a:\n',
    'a: null\n',
    'a: true\n',
    'a: 1.5\n',
    'a: 1e3\n',
    'a: 010\n',
    'a: 0x1f\n',
    'a: -1\n',
    'a: "x"\n',
    "a: 'x'\n",
    'a: [1]\n',
    'a: {b: 1}\n',
    'a: &x 1\n',
    'a: *x\n',
    'a: !!str 1\n',
    'a: |\n  x\n',
    'a: x # comment\n',
    '# comment\na: x\n',
    'a: x\n\nb: y\n',
    'a: b: c\n',
    'a: x\na: y\n',
    'a: x\n  y\n',
    'a: x\n b: y\n',
    'a:\n  b: x\n c: y\n',
    'a:\n- x\nb: y\n- z\n',
    'a: x\n---\nb: y\n',
    'a: x\n...\n',
    '%YAML 1.2\n---\na: x\n',
    'a: x \n',
    'a:\tx\n',
    'a: x\r\n',
    'a: ä\n',
    '? a\n: b\n',
    '<<: x\n',
    '__proto__: x\n',
    '- a:\n- b\n',
    '-\n  a\n',
    `${'a'.repeat(2000)}: x\n`,
    `${'- '.repeat(100)}x`,
  ];
  for (const text of texts) assert.is(readBlockYaml(text), undefined, text);
});

test('a damaged spec is read as the library reads it, or left to it', () => {
  const strange = [':', '#', '-', '"', '{', '&', '|', '\n', ' ', '  ', ': ', '- ', '\n- ', '\nx: ', '0', ''];
  let read = 0;
  for (const [at, damage] of [...claimSpec].entries()) {
    const instead = strange[at % strange.length] ?? '';
    for (const kept of [at, at + 1]) {
      const text = claimSpec.slice(0, at) + instead + claimSpec.slice(kept);
      if (damage !== instead && readBlockYaml(text) !== undefined && agrees(text)) read++;
    }
  }
  assert.ok(read > 300, `${read} were read`);
});
