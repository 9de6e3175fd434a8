import { isOfResource, isPublished, listPublished, readDeviceInfo } from '../../../src/allocation/device-info.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { deviceInfo, platformOf, vf1, vf2 } from './fixture.ts';

const test = suite('allocation/device-info');

const directory = '/var/run/k8s.cni.cncf.io/devinfo/dp';
const resource = 'intel.com/nics';

test('a VF is of the resource whose file names it, by its address or another ID', () => {
  const byId = deviceInfo(resource, 'port7', vf1);
  for (const files of [deviceInfo(resource, vf1), byId]) {
    const platform = platformOf(files);
    assert.is(isOfResource(platform, resource, vf1), true);
    assert.is(isOfResource(platform, resource, vf2), false);
    for (const other of ['intel.com/nic', 'intel.com/nics-2', 'other.com/nics', 'nics', '']) {
      assert.is(isOfResource(platform, other, vf1), false, other);
    }
  }
  const [text = ''] = Object.values(byId);
  for (const name of [
    'intel.com-nics-port7.json',
    'intel.com-nics-port7-device.json.bak',
    'xintel.com-nics-port7-device.json',
  ]) {
    assert.is(isOfResource(platformOf({ [`${directory}/${name}`]: text }), resource, vf1), false, name);
  }
  assert.is(isOfResource(platformOf(deviceInfo('intel.com/nics-x', vf2, vf1)), resource, vf1), false);
});

test('a file that tells of another VF than its name, or is none, publishes nothing', () => {
  const platform = platformOf(deviceInfo(resource, vf1), deviceInfo(resource, vf2, '0000:99:00.1'), {
    [`${directory}/x-0000:5e:00.1-device.json`]: '{"type":"vhost-user"}',
    [`${directory}/notes.txt`]: 'x',
  });
  assert.equal(listPublished(platform), [vf1, '0000:99:00.1']);
  assert.equal([isPublished(platform, vf1), isPublished(platform, vf2)], [true, false]);
  assert.equal(listPublished(platformOf()), []);
});

test('of a directory that somebody has filled 4096 files are read', () => {
  const files = Array.from({ length: 4097 }, (_, at) =>
    deviceInfo(resource, `port${String(at).padStart(4, '0')}`, at === 4096 ? vf1 : vf2),
  );
  const platform = platformOf(...files);
  assert.equal([isOfResource(platform, resource, vf2), isOfResource(platform, resource, vf1)], [true, false]);
  assert.is(listPublished(platform).length, 4096);
});

test('a bug in reading is no broken file', () => {
  const readFile = (): never => {
    throw new TypeError('x is not a function');
  };
  throws(() => readDeviceInfo({ ...platformOf(), readFile }, '/x'), 'Error', 'x is not a function');
});
