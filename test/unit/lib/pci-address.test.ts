import { parsePciAddress } from '../../../src/lib/pci-address.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/pci-address');

test('reads addresses with their domain, in any case', () => {
  assert.is(parsePciAddress('0000:3B:02.1'), '0000:3b:02.1');
  assert.is(parsePciAddress('10000:00:1f.7'), '10000:00:1f.7');
  assert.is(parsePciAddress('ffffffff:ff:00.0'), 'ffffffff:ff:00.0');
});

test('refuses all else', () => {
  const bad = [
    '',
    '3b:02.1',
    '000:3b:02.1',
    '0000:3b:02.8',
    '0000:3b:20.0',
    '0000:3b:02',
    '0000-3b-02-1',
    '0000:3g:02.1',
    ' 0000:3b:02.1',
    '0000:3b:02.1\n',
    '../0000:3b:02.1',
    '000000000:3b:02.1',
    'x'.repeat(65536),
  ];
  for (const text of bad) assert.is(parsePciAddress(text), null, text.slice(0, 30));
});
