import {
  isAssignableMac,
  type MacAddress,
  macFromBytes,
  macToBytes,
  parseMacAddress,
  zeroMac,
} from '../../../src/lib/mac-address.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('lib/mac-address');

test('reads pairs by colons or hyphens, in any case', () => {
  assert.is(parseMacAddress('02:00:5E:00:00:ab'), '02:00:5e:00:00:ab');
  assert.is(parseMacAddress('02-00-5e-00-00-AB'), '02:00:5e:00:00:ab');
  for (const text of [
    '',
    '02:00:5e:00:00',
    '02:00:5e:00:00:ab:01',
    '02:00:5e:00:00:ag',
    ' 02:00:5e:00:00:ab',
    '02005e0000ab',
    '02:00:5e:00:00:ab\n',
    'x'.repeat(65536),
  ]) {
    assert.is(parseMacAddress(text), null, text.slice(0, 30));
  }
});

test('assignable is unicast and not zero', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['02:00:00:00:00:01', true],
    ['00:00:00:00:00:01', true],
    ['fe:ff:ff:ff:ff:ff', true],
    [zeroMac, false],
    ['01:00:5e:00:00:01', false],
    ['ff:ff:ff:ff:ff:ff', false],
  ];
  for (const [mac, expected] of cases) assert.is(isAssignableMac(mac as MacAddress), expected, mac);
});

test('goes to bytes and back; more than six bytes are cut, as in the kernel’s 32-byte field', () => {
  const mac = '02:00:5e:10:00:ab' as MacAddress;
  assert.equal([...macToBytes(mac)], [0x02, 0x00, 0x5e, 0x10, 0x00, 0xab]);
  assert.is(macFromBytes(Uint8Array.of(...macToBytes(mac), 0xff, 0xff)), mac);
});
