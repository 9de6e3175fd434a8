import { isUid, isUuid, parseDeviceName, readHint } from '../../../src/allocation/device-hint.ts';
import { assert, suite } from '../../support/suite.ts';
import { claimA, otherPodUid, podUid, vf1 } from './fixture.ts';

const test = suite('allocation/device-hint');

const shapeOf = (value: string, uid: string | null = podUid): string => readHint({ key: 'deviceID', value }, uid).shape;

test('tells addresses, pods, devices and strangers apart', () => {
  const kind = 'sriovnetwork.openshift.io/vf';
  assert.equal(readHint({ key: 'pciBusID', value: '0000:3B:02.1' }, null), { shape: 'address', pci: vf1 });
  assert.equal(readHint({ key: 'deviceID', value: `${kind}=${podUid}` }, podUid), { shape: 'pod', podUid });
  const name = `${claimA}-0000-3b-02-1`;
  assert.equal(readHint({ key: 'deviceID', value: `${kind}=${name}` }, podUid), { shape: 'device', name });
  assert.is(shapeOf('pod-7', 'pod-7'), 'pod');
  assert.is(shapeOf(otherPodUid), 'pod');
  assert.is(shapeOf('my-claim-10000-3b-02-1'), 'device');
  assert.is(shapeOf('0000-3b-02-1'), 'device');
  assert.is(shapeOf(`${kind}=anything`), 'device');
  for (const value of [
    '',
    'mlx5_4',
    'a=b',
    'a/b/c=d',
    `vendor.com/gpu=${name}`,
    '0000:3b:02.8',
    '3b:02.1',
    `${kind}=`,
    `x/${kind}=anything`,
    `${kind}=a\nb`,
  ]) {
    assert.is(shapeOf(value), 'foreign', value);
  }
});

test('takes device names apart at their end, because UIDs have dashes', () => {
  assert.equal(parseDeviceName(`${claimA}-0000-3b-02-1`), { claimUid: claimA, pci: vf1 });
  assert.equal(parseDeviceName(`${claimA}-10000-3b-02-1`), { claimUid: claimA, pci: '10000:3b:02.1' });
  assert.equal(parseDeviceName(`${claimA}-port7`), { claimUid: claimA, pci: null });
  assert.equal(parseDeviceName('0000-3b-02-1'), { claimUid: null, pci: vf1 });
  const others = [`x${claimA}-port7`, `${claimA}-a\nb`, 'z0000-3b-02-1', '0000-3b-02-1x', '0000-3b-02-1\n'];
  for (const name of ['', '-', claimA, 'port7', '0000-3b-02-8', '0000-3b-22-1', '000-3b-02-1', ...others]) {
    assert.is(parseDeviceName(name), null, name);
  }
});

test('a UID is safe in a file name', () => {
  for (const uid of [podUid, 'pod-1', '0123456789abcdef0123456789abcdef']) assert.ok(isUid(uid), uid);
  for (const uid of ['', '..', '.', '-x', 'a/b', 'a..b', 'a\0b', 'a\n', 'x'.repeat(129), '/etc'])
    assert.not.ok(isUid(uid), uid);
  assert.ok(isUuid(podUid));
  for (const text of ['', `${podUid}x`, `x${podUid}`, `${podUid}\n`, podUid.replace('-', '')])
    assert.not.ok(isUuid(text), text);
});
