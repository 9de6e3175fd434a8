import { detectDuplicates, prepareIpv6 } from '../../../src/ipam/ipv6.ts';
import { parseCidr } from '../../../src/kernel/ip-text.ts';
import { Namespace } from '../../../src/kernel/namespace.ts';
import { createLog } from '../../../src/lib/log.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { attribute } from '../../support/netlink-bytes.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('ipam/ipv6');

const [ENOENT, EROFS] = [2, 30];
const tentative = 0x40;
const dadFailed = 0x08;
const optimisticTentative = 0x44;

const pathOf = (ifname: string, key: string): string => `/proc/sys/net/ipv6/conf/${ifname}/${key}`;

class PreparedNode {
  readonly node = new MemoryNode();
  readonly lines: string[] = [];
  readonly #log = createLog({ level: 'warning', write: (line) => this.lines.push(line), epochMs: () => 0 });
  readonly #pod = new Namespace(this.node.platform, this.node.platform.ownNetns());

  constructor() {
    for (const key of ['disable_ipv6', 'keep_addr_on_down', 'optimistic_dad', 'use_optimistic'])
      this.node.platform.files.set(pathOf('vf0', key), '0\n');
    this.node.platform.files.set(pathOf('lo', 'disable_ipv6'), '0\n');
    this.node.link(0).up = true;
  }

  /** An address of the VF, as the kernel has it. */
  has(cidr: string, flags: number, scope = 0): void {
    const { bytes, prefixLength } = parseCidr(cidr);
    const attributes = attribute(1, bytes);
    this.node.link(0).addresses.push({ family: 10, prefixLength, flags, scope, attributes, cidr });
  }

  prepare(): string {
    return prepareIpv6(this.node.platform, this.#log, this.#pod, this.node.link(0).ifindex, 'vf0');
  }

  detect(addresses: readonly string[], add = (): void => undefined): boolean {
    const ips = addresses.map((address) => ({ address }));
    const result = { interfaces: [], ips, routes: [], dns: {} };
    const link = { ifindex: this.node.link(0).ifindex, ifname: 'vf0' };
    return detectDuplicates(this.node.platform, this.#log, this.#pod, link, result, add);
  }

  get written(): string[] {
    return this.node.platform.systemWrites.map(
      ({ path, content }) => `${path.replace('/proc/sys/net/ipv6/conf/', '')}=${content}`,
    );
  }
}

test('IPv6 is on, addresses are kept, and duplicates are looked for while they are used', () => {
  const prepared = new PreparedNode();
  assert.is(prepared.prepare(), 'optimistic');
  assert.equal(prepared.written, [
    'lo/disable_ipv6=0',
    'vf0/disable_ipv6=0',
    'vf0/keep_addr_on_down=1',
    'vf0/optimistic_dad=1',
    'vf0/use_optimistic=1',
  ]);
  assert.equal(prepared.lines, []);
});

test('without one of the sysctls that it takes, duplicates are not looked for: a warning names it', () => {
  for (const key of ['optimistic_dad', 'use_optimistic']) {
    for (const errno of [ENOENT, EROFS]) {
      const prepared = new PreparedNode();
      prepared.node.platform.failNext('writeSystemFile', pathOf('vf0', key), errno);
      assert.is(prepared.prepare(), 'none');
      assert.is(prepared.lines.length, 1);
      assert.match(prepared.lines[0] ?? '', `net/ipv6/conf/vf0/${key}`);
    }
  }
});

test('keep_addr_on_down is a courtesy', () => {
  const prepared = new PreparedNode();
  prepared.node.platform.failNext('writeSystemFile', pathOf('vf0', 'keep_addr_on_down'), EROFS);
  assert.is(prepared.prepare(), 'optimistic');
  assert.match(prepared.lines[0] ?? '', 'level=warning');
});

test('IPv6 that is off and can’t be switched on is an error; a kernel without it speaks up later', () => {
  for (const ifname of ['lo', 'vf0']) {
    const refused = new PreparedNode();
    refused.node.platform.files.set(pathOf(ifname, 'disable_ipv6'), '1\n');
    refused.node.platform.failNext('writeSystemFile', pathOf(ifname, 'disable_ipv6'), EROFS);
    throws(() => refused.prepare(), 'kernel', 'vf0');
    const on = new PreparedNode();
    on.node.platform.failNext('writeSystemFile', pathOf(ifname, 'disable_ipv6'), EROFS);
    assert.is(on.prepare(), 'optimistic');
  }
  const absent = new PreparedNode();
  absent.node.platform.files.clear();
  assert.is(absent.prepare(), 'none');
});

test('a link-local address that is still tentative is there at once, so that neighbours can be asked for', () => {
  const prepared = new PreparedNode();
  prepared.has('fe80::5/64', optimisticTentative, 253);
  prepared.has('fe80::6/64', tentative, 253);
  prepared.has('fe80::7/64', 0, 253);
  prepared.has('fe80::8/64', tentative | dadFailed, 253);
  prepared.has('fd00::9/64', tentative);
  assert.is(prepared.prepare(), 'optimistic');
  assert.equal(prepared.node.changes, [
    'host: vf0 without address fe80::5/64',
    'host: vf0 address fe80::5/64',
    'host: vf0 without address fe80::6/64',
    'host: vf0 address fe80::6/64',
  ]);
});

test('where that fails, duplicates are not looked for', () => {
  const prepared = new PreparedNode();
  prepared.has('fe80::5/64', optimisticTentative, 253);
  prepared.node.kernel.refuse('address fe80::5', 1);
  assert.is(prepared.prepare(), 'none');
  assert.match(prepared.lines[0] ?? '', 'EPERM');
});

test('a duplicate of what IPAM gave is 115, naming it; others are not ours to judge', () => {
  const prepared = new PreparedNode();
  prepared.has('fd00::5/64', tentative | dadFailed);
  prepared.has('fd00::6/64', 0);
  prepared.has('fd00::7/64', optimisticTentative);
  assert.is(prepared.detect(['fd00::6/64', '10.0.2.5/24']), true);
  throws(() => prepared.detect(['fd00::6/64', 'FD00:0::5/64']), 'duplicateAddress', 'fd00::5/64: ');
});

test('while the kernel looks for duplicates nothing is sure; it looks without its usual pause, which is then as before', () => {
  const prepared = new PreparedNode();
  const pause = '/proc/sys/net/ipv6/neigh/vf0/retrans_time_ms';
  prepared.node.platform.files.set(pause, '1000\n');
  let seen: string | undefined;
  const add = (): void => {
    seen = prepared.node.platform.readFile(pause)?.toString('utf8');
    prepared.has('fd00::5/64', optimisticTentative);
  };
  assert.is(prepared.detect(['fd00::5/64'], add), false);
  assert.is(seen?.trim(), '10');
  assert.is(prepared.node.platform.readFile(pause)?.toString('utf8').trim(), '1000');
  const failing = (): void => {
    throw new Error('no room');
  };
  throws(() => prepared.detect(['fd00::5/64'], failing), 'Error', 'no room');
  assert.is(prepared.node.platform.readFile(pause)?.toString('utf8').trim(), '1000');
  prepared.node.platform.failNext('writeSystemFile', pause, EROFS);
  prepared.detect(['fd00::5/64']);
  assert.match(prepared.lines[0] ?? '', 'retrans_time_ms');
});

test('a look that fails is a warning', () => {
  const prepared = new PreparedNode();
  // Shorter than an IPv6 address.
  const attributes = attribute(1, Buffer.alloc(4));
  prepared.node.link(0).addresses.push({ family: 10, prefixLength: 64, flags: 0, scope: 0, attributes, cidr: '' });
  assert.is(prepared.detect(['fd00::5/64']), false);
  assert.match(
    prepared.lines[0] ?? '',
    /level=warning msg="duplicate IPv6 addresses could not be looked for".*EBADMSG/,
  );
});
