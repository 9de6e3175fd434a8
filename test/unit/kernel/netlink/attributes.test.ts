import {
  atLeast,
  attribute,
  findAttribute,
  leading,
  nestedAttribute,
  readAttributes,
  stringAttribute,
  toText,
  toU32,
  u32Attribute,
  walkAttributes,
} from '../../../../src/kernel/netlink/attributes.ts';
import { assert, suite } from '../../../support/suite.ts';
import { throws } from '../../../support/throws.ts';
import { hex, nla, u32 } from '../fake-kernel.ts';

const test = suite('kernel/netlink/attributes');

test('an attribute: length without padding, type, payload, zeros up to 4 bytes', () => {
  assert.is(attribute(3, hex('6e6574')).toString('hex'), '070003006e657400');
  assert.is(attribute(3).toString('hex'), '04000300');
  assert.is(attribute(3, hex('0102'), hex('0304')).toString('hex'), '0800030001020304');
  assert.is(u32Attribute(4, 9000).toString('hex'), '0800040028230000');
  assert.is(u32Attribute(6, 0xffffffff).toString('hex'), '08000600ffffffff');
  assert.is(stringAttribute(3, 'net1').toString('hex'), '090003006e65743100000000');
});

test('only an attribute that has to carries NLA_F_NESTED', () => {
  assert.is(nestedAttribute(52, u32Attribute(53, 1)).toString('hex'), '0c0034800800350001000000');
  assert.is(attribute(22, u32Attribute(1, 1)).toString('hex'), '0c0016000800010001000000');
});

test('types are read without their flag bits', () => {
  const data = Buffer.concat([nla(0x8034, u32(1)), nla(0x4001, u32(2)), nla(3, hex('ff'))]);
  const types: number[] = [];
  walkAttributes('it', data, (type) => {
    types.push(type);
    return false;
  });
  assert.equal(types, [52, 1, 3]);
});

test('of a repeated type readAttributes has the last, findAttribute the first', () => {
  const data = Buffer.concat([nla(1, u32(1)), nla(1, u32(2))]);
  assert.equal(readAttributes('it', data).get(1), u32(2));
  assert.equal(findAttribute('it', data, 1), u32(1));
  assert.is(findAttribute('it', data, 2), null);
});

test('the walk ends where the visitor says so, even before what is malformed', () => {
  const seen: number[] = [];
  walkAttributes('it', Buffer.concat([nla(1), nla(2), hex('ffff')]), (type) => {
    seen.push(type);
    return type === 2;
  });
  assert.equal(seen, [1, 2]);
});

test('the last attribute may lack its padding', () => {
  assert.equal(readAttributes('it', nla(3, hex('ff')).subarray(0, 5)).get(3), hex('ff'));
});

test('malformed attributes name their owner and the lengths', () => {
  const cases = {
    'nla_len 0': '00000300',
    'nla_len 3': '03000300',
    'longer than the message': '0c00030001020304',
    'a cut header': '040001000500',
    'a whole one, then zeros': '0400010000000000',
  };
  for (const data of Object.values(cases)) {
    throws(() => readAttributes('IFLA_THIS', hex(data)), 'EBADMSG', 'IFLA_THIS');
  }
});

test('structs may be longer than known, never shorter', () => {
  assert.equal(leading('IFLA_VF_RATE', hex('0102030405'), 4), hex('01020304'));
  assert.equal(atLeast('IFLA_VF_RATE', hex('0102030405'), 4), hex('0102030405'));
  throws(() => leading('IFLA_VF_RATE', hex('0102'), 4), 'EBADMSG', 'IFLA_VF_RATE', '2', '4');
  assert.is(toU32('IFLA_MTU', hex('2823000099')), 9000);
  throws(() => toU32('IFLA_MTU', hex('282300')), 'EBADMSG', 'IFLA_MTU', '3');
});

test('text ends at its NUL, and must have one', () => {
  assert.is(toText('IFLA_IFNAME', hex('6e657431 00 6162')), 'net1');
  assert.is(toText('IFLA_IFNAME', hex('00')), '');
  throws(() => toText('IFLA_IFNAME', hex('6e657431')), 'EBADMSG', 'IFLA_IFNAME', 'NUL');
  throws(() => toText('IFLA_IFNAME', Buffer.alloc(0)), 'EBADMSG', 'IFLA_IFNAME');
});
