import { Namespace } from '../../../src/kernel/namespace.ts';
import { SystemError } from '../../../src/lib/system-error.ts';
import type { NetlinkSocket } from '../../../src/platform/platform.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('kernel/namespace');

const EPERM = 1;
const EAGAIN = 11;
const EBUSY = 16;

function openNamespace(): {
  readonly namespace: Namespace;
  readonly opened: () => number;
  readonly nowMs: () => number;
} {
  let opened = 0;
  const socket = { close: () => undefined } as NetlinkSocket;
  const platform = createMemoryPlatform({
    netlink: () => {
      opened++;
      return socket;
    },
  });
  const namespace = new Namespace(platform, platform.ownNetns());
  return { namespace, opened: () => opened, nowMs: () => platform.clock.nowMs };
}

test('a change is made again while the driver is busy, on one socket', () => {
  const { namespace, opened } = openNamespace();
  const answers = [EBUSY, EAGAIN, EBUSY, 0];
  namespace.change(1, () => {
    const errno = answers.shift() ?? 0;
    if (errno !== 0) throw new SystemError('set link up', errno);
  });
  assert.equal(answers, []);
  assert.is(opened(), 1);
});

test('a driver that stays busy is given up after a second', () => {
  const { namespace, nowMs } = openNamespace();
  const begin = nowMs();
  throws(() => {
    namespace.change(1, () => {
      throw new SystemError('set link up', EBUSY);
    });
  }, 'EBUSY');
  assert.ok(nowMs() - begin > 500 && nowMs() - begin <= 1000, `${nowMs() - begin} ms`);
});

test('what is refused for another reason is not tried again', () => {
  const { namespace } = openNamespace();
  let tries = 0;
  throws(() => {
    namespace.change(1, () => {
      tries++;
      throw new SystemError('set link up', EPERM);
    });
  }, 'EPERM');
  assert.is(tries, 1);
});
