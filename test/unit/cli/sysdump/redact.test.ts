import { AddressRedaction, removed, secretsOnly } from '../../../../src/cli/sysdump/redact.ts';
import { coversAddress } from '../../../../src/kernel/ip-text.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/sysdump/redact');

test('equal addresses by equal ones, subnets and their addresses still fit', () => {
  const redaction = new AddressRedaction();
  const replaced = redaction.text('192.168.7.5 192.168.7.0/26 192.168.9.5 172.20.7.5 192.168.7.5').split(' ');
  assert.equal(replaced, ['240.0.7.5', '240.0.7.0/26', '240.0.9.5', '240.1.7.5', '240.0.7.5']);
  const [subnet = '', gateway = ''] = redaction.text('172.16.0.0/12 172.16.0.1').split(' ');
  assert.ok(coversAddress(subnet, gateway), `${subnet} ${gateway}`);
  const six = redaction.text('fd12:1:1::/64 fd12:1:1::5 fd12:1:2::5 FD12:1:1:0:0:0:0:5').split(' ');
  assert.equal(six, ['2001:db8:3::/64', '2001:db8:3::5', '2001:db8:4::5', '2001:db8:3::5']);
});

test('MAC addresses, in each spelling, and what is made of them', () => {
  const redaction = new AddressRedaction();
  const text = redaction.text('52:54:00:aa:bb:cc 52-54-00-AA-BB-CC 01:00:5e:00:00:01 fe80::5054:ff:feaa:bbcc');
  assert.is(text, '02:00:00:00:00:01 02-00-00-00-00-01 03:00:00:00:00:02 fe80::ff:fe00:1');
});

test('what is no address of anybody stays', () => {
  const text =
    '0000:3b:02.1 12:34:56 0.0.0.0 255.255.255.0 127.0.0.1 ::1 :: ff:ff:ff:ff:ff:ff 00:00:00:00:00:00 1.2.3 fe80::1 ff02::1 net1::x 1.1.0';
  assert.is(new AddressRedaction().text(text), text);
});

test('in the midst of other texts', () => {
  const redaction = new AddressRedaction();
  const replaced = redaction.text(
    '{"a":"192.168.1.5\\n192.168.1.6","b":"x\\nfd12::7","mac":"52:54:00:00:00:03"} 192.168.1.5.',
  );
  assert.is(replaced, '{"a":"240.0.1.5\\n240.0.1.6","b":"x\\n2001:db8:1::7","mac":"02:00:00:00:00:01"} 240.0.1.5.');
  assert.is(redaction.text('/var/lib/cni/networks/net/192.168.1.5'), '/var/lib/cni/networks/net/240.0.1.5');
});

test('secrets in JSON, in JSON that is a text of JSON, in YAML, in logs, and in what Multus encodes', () => {
  const config = JSON.stringify({ etcd_password: 's3cr"et', ipam: { bearerToken: 's3cret' } });
  const delegate = JSON.stringify([{ Bytes: Buffer.from(config).toString('base64') }]);
  const texts = [
    config,
    JSON.stringify({ config: JSON.stringify({ inner: config }) }),
    'user:\n  client-key-data: s3cret\n  token: s3cret\n',
    'level=info token=s3cret Authorization: Bearer s3cret',
    '-----BEGIN PRIVATE KEY-----\ns3cret\n-----END PRIVATE KEY-----\n',
  ];
  for (const redaction of [secretsOnly, new AddressRedaction()]) {
    for (const text of texts) {
      assert.not.match(redaction.text(text), /s3cr/, text);
      assert.match(redaction.text(text), removed);
    }
    const [{ Bytes = '' } = {}] = JSON.parse(redaction.text(delegate)) as { Bytes: string }[];
    const inner = Buffer.from(Bytes, 'base64').toString('utf8');
    assert.equal(JSON.parse(inner), { etcd_password: removed, ipam: { bearerToken: removed } });
  }
  const plain = JSON.stringify({ type: 'sriov', vlan: 5, name: 'tenant' });
  assert.is(secretsOnly.text(plain), plain);
});
