import { zeroMac } from '../../../src/lib/mac-address.ts';
import { podLinkTraits } from '../../../src/state/attachment-record.ts';
import { assert, suite } from '../../support/suite.ts';
import { sampleRecord } from './sample-record.ts';

const test = suite('state/attachment-record');

test('the netdev in the pod is known by the names and MACs of the record, as far as it has any', () => {
  const { snapshot, mac } = sampleRecord;
  const own = snapshot.netdev?.mac;
  const known = podLinkTraits(sampleRecord);
  assert.equal(known, {
    pci: '0000:3b:02.1',
    ifname: 'net1',
    hostName: 'vf1',
    podIfindex: 7,
    macs: [own, mac],
    identifiedBy: undefined,
  });
  const withoutMac = snapshot.netdev && { ...snapshot.netdev, mac: zeroMac };
  assert.equal(podLinkTraits({ ...sampleRecord, snapshot: { ...snapshot, netdev: withoutMac } }).macs, [mac]);
  assert.equal(podLinkTraits({ ...sampleRecord, mac: null }).macs, [own]);
  const ofVfio = podLinkTraits({ ...sampleRecord, mac: null, snapshot: { ...snapshot, netdev: null } });
  assert.equal([ofVfio.macs, ofVfio.hostName], [[], 'net1']);
});
