import { readVfAdminState } from '../../../src/kernel/rtnl/vfs.ts';
import { type MacAddress, zeroMac } from '../../../src/lib/mac-address.ts';
import { applyAdminChange } from '../../../src/vf/admin.ts';
import { restoreMacs } from '../../../src/vf/restore-mac.ts';
import { describeNetdev } from '../../../src/vf/snapshot.ts';
import type { Pf, VfSnapshot } from '../../../src/vf/vf.ts';
import { stubbornDriver } from '../../support/memory-links.ts';
import { igbvfDriver, type MemoryNodeOptions } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';
import { VfFixture } from './fixture.ts';
import { quietAdmin } from './samples.ts';

const test = suite('vf/restore-mac');

const EPERM = 1;
const mac = '02:00:00:00:00:01' as MacAddress;
const own = '52:54:00:00:00:03' as MacAddress;
const substitute = 'a0:54:00:00:00:03';

const [ofPf, ofNetdev] = [
  (value: string) => `host: pf0 vf 0 mac ${value}`,
  (value: string) => `host: vf0 mac ${value}`,
];

/** A node whose VF 0 had `own` as its MAC. */
class Restoring extends VfFixture {
  readonly snapshot: VfSnapshot;

  constructor(options: MemoryNodeOptions = {}, snapshot: Partial<VfSnapshot> = {}) {
    super(options);
    this.snapshot = { admin: quietAdmin, netdev: describeNetdev(this.vf()), ...snapshot };
    assert.is(this.snapshot.netdev?.mac, own);
  }

  /** The PF sets a MAC. */
  setAdminMac(value: MacAddress): void {
    applyAdminChange(this.host, this.pf(), this.identity, { mac: value });
    this.takeChanges();
  }

  /** Returns the changes that were asked for; `pf` is null if the PF is away. */
  restore(pf: Pf | null = this.pf()): readonly string[] {
    const { platform } = this.node;
    const at = { platform, log: this.log, host: this.host, pci: this.identity.pci, identity: this.identity };
    restoreMacs(at, pf, this.vf(), this.snapshot, () => pf && readVfAdminState(this.host.session, pf.ifindex, 0));
    return this.takeChanges();
  }
}

test('what is as before is not touched, whether the PF tells of it or not', () => {
  assert.equal(new Restoring().restore(), []);
  assert.equal(new Restoring({}, { admin: null }).restore(), []);
  assert.equal(new Restoring({}, { admin: { ...quietAdmin, mac } }).restore(null), []);
  const silent = new Restoring({ blindPf: true }, { admin: { ...quietAdmin, mac } });
  assert.equal(silent.restore(), []);
});

test('the netdev’s MAC comes back without its PF, also one that no PF guarded', () => {
  for (const macIsFree of [undefined, true] as const) {
    const at = new Restoring({}, macIsFree === undefined ? {} : { macIsFree });
    at.node.link(0).mac = mac;
    assert.equal(at.restore(null), [ofNetdev(own)]);
  }
});

test('igbvf: the netdev comes first, because after its PF it would be refused', () => {
  const at = new Restoring({ driver: igbvfDriver }, { admin: { ...quietAdmin, mac: own } });
  at.node.link(0).mac = mac;
  assert.equal(at.restore(), [ofNetdev(own), ofPf(own)]);
});

test('another MAC comes between only where the PF’s was cleared', () => {
  const cleared = new Restoring();
  cleared.setAdminMac(mac);
  assert.equal(cleared.restore(), [ofPf(zeroMac), ofNetdev(substitute), ofNetdev(own)]);
  const kept = new Restoring();
  kept.setAdminMac(mac);
  kept.node.kernel.refuse('vf 0 mac 00:00', EPERM);
  assert.equal(kept.restore(), [ofPf(zeroMac)]);
  const given = new Restoring({}, { admin: { ...quietAdmin, mac } });
  assert.equal(given.restore(), [ofPf(mac)]);
});

test('a MAC that is refused at first is set again before the VF is trusted for it', () => {
  const at = new Restoring();
  at.node.link(0).mac = mac;
  at.node.kernel.refuse(ofNetdev(own), EPERM, { times: 2 });
  assert.equal(at.restore(), Array(3).fill(ofNetdev(own)));
});

test('igbvf: a MAC that the PF guards is set while the VF is trusted, without a reset', () => {
  const at = new Restoring({ driver: igbvfDriver }, { admin: { ...quietAdmin, mac } });
  at.setAdminMac(mac);
  at.node.link(0).mac = mac;
  const refused = Array(4).fill(ofNetdev(own));
  assert.equal(at.restore(), [...refused, 'host: pf0 vf 0 trust 1', ofNetdev(own), 'host: pf0 vf 0 trust 0']);
  assert.is(at.node.link(0).mac, own);
});

test('a driver that takes the MAC in no way is an error, with its PF or without', () => {
  for (const hasPf of [true, false]) {
    const at = new Restoring({ driver: stubbornDriver });
    at.node.link(0).mac = mac;
    throws(() => at.restore(hasPf ? at.pf() : null), 'settingRefused', own, mac);
  }
});

test('the PF first stops guarding a VF that it didn’t guard before; if the netdev has its own MAC, it gets another in between', () => {
  const admin = { ...quietAdmin, mac: own };
  const free = (refusals: number, has: MacAddress): readonly string[] => {
    const at = new Restoring({}, { admin, macIsFree: true });
    at.setAdminMac(own);
    at.node.link(0).mac = has;
    at.node.kernel.refuse('vf 0 mac 00:00', EPERM, { times: refusals });
    return at.restore();
  };
  const anew = [ofNetdev(substitute), ofNetdev(own)];
  assert.equal(free(0, own), [ofPf(zeroMac), ...anew, ofPf(own)]);
  assert.equal(free(1, own), [ofPf(zeroMac), ofPf(zeroMac), ...anew, ofPf(own)]);
  assert.equal(free(2, own), [ofPf(zeroMac), ofPf(zeroMac)]);
  assert.equal(free(0, mac), [ofPf(zeroMac), ofNetdev(own), ofPf(own)]);
});
