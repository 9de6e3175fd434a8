import { parseValidAttachments } from '../../../src/config/valid-attachments.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('config/valid-attachments');

const newKey = 'cni.dev/valid-attachments';
const oldKey = 'cni.dev/attachments';

function refuses(config: Readonly<Record<string, unknown>>, words: string): void {
  throws(() => parseValidAttachments(config), 'invalidConfig', words);
}

test('reads the list under either key; the newer one counts', () => {
  const list = [
    { containerID: 'c1', ifname: 'net1' },
    { containerID: 'c1', ifname: 'net2', extra: 1 },
  ];
  const expected = [
    { containerId: 'c1', ifname: 'net1' },
    { containerId: 'c1', ifname: 'net2' },
  ];
  assert.equal(parseValidAttachments({ [newKey]: list }), expected);
  assert.equal(parseValidAttachments({ [oldKey]: list }), expected);
  assert.equal(parseValidAttachments({ [newKey]: [], [oldKey]: list }), []);
  assert.equal(parseValidAttachments({ [newKey]: null, [oldKey]: list }), expected);
  assert.ok(Object.isFrozen(parseValidAttachments({ [newKey]: list })));
});

test('an absent list is no list, not an empty one', () => {
  for (const config of [{}, { [newKey]: null }, { [newKey]: null, [oldKey]: null }]) {
    assert.is(parseValidAttachments(config), null);
  }
});

test('a malformed list is an error, never a shorter list', () => {
  const good = { containerID: 'c1', ifname: 'net1' };
  for (const list of [{}, 'x', 5, true]) refuses({ [newKey]: list }, `${newKey}: `);
  for (const item of [null, 'x', [], 5]) refuses({ [newKey]: [good, item] }, `${newKey}[1]: `);
  for (const containerID of [undefined, '', 5, '../x', 'a/b', '-a', 'x'.repeat(256), 'a\u0000']) {
    refuses({ [newKey]: [good, { ...good, containerID }] }, `${newKey}[1].containerID: `);
  }
  for (const ifname of [undefined, '', 5, '..', 'a/b', 'x'.repeat(16), 'a\u0000']) {
    refuses({ [oldKey]: [{ ...good, ifname }] }, `${oldKey}[0].ifname: `);
  }
  refuses({ [newKey]: [JSON.parse('{"__proto__":{"containerID":"c1","ifname":"net1"}}')] }, 'containerID');
});
