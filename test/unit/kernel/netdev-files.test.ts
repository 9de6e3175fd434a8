import { isNetdevFile, readNetdevFiles, writeNetdevFile } from '../../../src/kernel/netdev-files.ts';
import type { PciAddress } from '../../../src/lib/pci-address.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('kernel/netdev-files');

const pci = '0000:3b:02.1' as PciAddress;
const device = `/sys/bus/pci/devices/${pci}`;

test('settable files are read, and written where they were read; of too many queues the rest is left out', () => {
  for (const netdev of [`${device}/net/vf0`, `${device}/virtio3/net/vf0`]) {
    const platform = createMemoryPlatform({
      files: {
        [`${netdev}/threaded`]: '0\n',
        [`${netdev}/ifindex`]: '4\n',
        [`${netdev}/queues/rx-0/rps_cpus`]: '0\n',
        [`${netdev}/queues/tx-0/tx_maxrate`]: '10\n',
        [`${netdev}/queues/tx-0/tx_timeout`]: '0\n',
        [`${netdev}/queues/tx-0/byte_queue_limits/limit_max`]: '1879048192\n',
        [`${netdev}/queues/tx-0/byte_queue_limits/inflight`]: '5\n',
      },
    });
    assert.equal(readNetdevFiles(platform, pci, 'vf0'), {
      threaded: '0',
      'queues/rx-0/rps_cpus': '0',
      'queues/tx-0/tx_maxrate': '10',
      'queues/tx-0/byte_queue_limits/limit_max': '1879048192',
    });
    writeNetdevFile(platform, pci, 'vf0', 'queues/tx-0/tx_maxrate', '0');
    assert.equal(platform.systemWrites, [{ netns: null, path: `${netdev}/queues/tx-0/tx_maxrate`, content: '0' }]);
  }
  const many = createMemoryPlatform();
  for (let n = 0; n < 300; n++) many.files.set(`${device}/net/vf0/queues/rx-${n}/rps_cpus`, '0\n');
  assert.is(Object.keys(readNetdevFiles(many, pci, 'vf0')).length, 128);
});

test('a record can name these files and no others', () => {
  for (const path of ['threaded', 'queues/rx-0/rps_cpus', 'queues/tx-12/byte_queue_limits/limit_min']) {
    assert.ok(isNetdevFile(path), path);
  }
  const others = [
    'ifalias',
    '../../../etc/passwd',
    'queues/rx-0/../../mtu',
    'queues/rx-0/tx_maxrate',
    'queues/xx-0/rps_cpus',
    '',
  ];
  for (const path of others) assert.not(isNetdevFile(path), path);
});
