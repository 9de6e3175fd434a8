import { readBusInfo, readEthtool, writeEthtool } from '../../../src/kernel/ethtool.ts';
import type { Platform } from '../../../src/platform/platform.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/ethtool');

const [ENODEV, EOPNOTSUPP] = [19, 95];

/** A driver that answers some commands, and keeps what it was asked. */
function driver(answers: Readonly<Record<number, (request: Buffer) => Buffer>>): [Platform, Buffer[]] {
  const asked: Buffer[] = [];
  const platform = createMemoryPlatform({
    ethtool: (_netns, _ifname, request) => {
      asked.push(request);
      return answers[request.readUInt32LE(0)]?.(request) ?? EOPNOTSUPP;
    },
  });
  return [platform, asked];
}

function words(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * numbers.length);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, 4 * at);
  return bytes;
}

test('what the driver has, each in one request of its struct’s length; what it hasn’t is absent', () => {
  const [platform, asked] = driver({
    16: (request) => Buffer.concat([request.subarray(0, 4), words(4096, 0, 0, 4096, 512, 0, 0, 256)]),
  });
  assert.equal(readEthtool(platform, platform.ownNetns(), 'vf0'), {
    rings: words(4096, 0, 0, 4096, 512, 0, 0, 256).toString('hex'),
  });
  // --show-priv-flags, -l, -g, -c, -a, msglvl, two tunables, -k, -x (linux/ethtool.h)
  assert.equal(
    asked.map((request) => [request.readUInt32LE(0), request.length]),
    [
      [0x27, 8],
      [0x3c, 36],
      [0x10, 36],
      [0x0e, 92],
      [0x12, 16],
      [0x07, 8],
      [0x48, 20],
      [0x48, 20],
      [0x3a, 40],
      [0x46, 24],
    ],
  );
});

test('of features: which can be switched and which are wanted; set as such', () => {
  const features = words(0x3a, 2, 0xff, 0x0f, 0x0e, 0, 0x01, 0x01, 0x01, 0);
  const [platform, asked] = driver({ 58: () => features, 59: (request) => request });
  const { features: state } = readEthtool(platform, platform.ownNetns(), 'vf0', ['features']);
  assert.is(state, words(0xff, 0x0f, 0x01, 0x01).toString('hex'));
  writeEthtool(platform, platform.ownNetns(), 'vf0', 'features', state ?? '');
  assert.equal(asked.at(-1), words(0x3b, 2, 0xff, 0x0f, 0x01, 0x01));
});

test('a kernel with more features is asked for all of them', () => {
  const [platform] = driver({
    58: (request) => words(0x3a, 3, ...Array.from({ length: (request.length - 8) / 4 }, (_, at) => at)),
  });
  const { features } = readEthtool(platform, platform.ownNetns(), 'vf0', ['features']);
  assert.is(features, words(0, 1, 4, 5, 8, 9).toString('hex'));
});

test('the RSS table and key are asked for when their sizes are known', () => {
  const whole = Buffer.concat([words(0x46, 0, 2, 4, 1, 0, 0, 1), Buffer.from('aabbccdd', 'hex')]);
  const [platform, asked] = driver({
    70: (request) => (request.length === 24 ? words(0x46, 0, 2, 4, 1, 0) : whole),
    71: (request) => request,
  });
  const { rss } = readEthtool(platform, platform.ownNetns(), 'vf0', ['rss']);
  assert.equal(asked.at(-1)?.subarray(0, 16), words(0x46, 0, 2, 4));
  assert.is(asked.at(-1)?.length, 24 + 8 + 4);
  writeEthtool(platform, platform.ownNetns(), 'vf0', 'rss', rss ?? '');
  assert.equal(asked.at(-1), Buffer.concat([words(0x47), whole.subarray(4)]));
});

test('the bus-info; a netdev that is gone, and a setting that is refused, say so', () => {
  const info = Buffer.alloc(196);
  info.write('0000:3b:02.1', 100);
  const [platform] = driver({ 3: () => info });
  assert.is(readBusInfo(platform, platform.ownNetns(), 'vf0'), '0000:3b:02.1');
  throws(() => writeEthtool(platform, platform.ownNetns(), 'vf0', 'pause', '00'.repeat(12)), 'EOPNOTSUPP');
  const gone = createMemoryPlatform({ ethtool: () => ENODEV });
  throws(() => readEthtool(gone, gone.ownNetns(), 'vf0'), 'ENODEV');
});
