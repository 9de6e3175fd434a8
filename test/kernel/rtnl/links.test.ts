import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NLM_F_DUMP, RTM_GETLINK } from '../../../src/kernel/netlink/constants.ts';
import {
  addAltnames,
  decodeLink,
  getLink,
  listDeviceLinks,
  moveLink,
  removeAltnames,
  renameLink,
  setLinkDown,
  setLinkMac,
  setLinkMtu,
  setLinkUp,
} from '../../../src/kernel/rtnl/links.ts';
import { changeVf, listVfAdminStates, readVfAdminState } from '../../../src/kernel/rtnl/vfs.ts';
import type { MacAddress } from '../../../src/lib/mac-address.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { throws } from '../../support/throws.ts';
import { type Side, shownLink, shownLinks, withHostAndPod } from './host-and-pod.ts';

const test = asRoot(suite('kernel/rtnl/links'));

const mac = '02:11:22:33:44:55' as MacAddress;

function names(side: Side): readonly string[] {
  return shownLinks(side)
    .map((link) => link.ifname)
    .sort();
}

test('a link is what ip says it is', () => {
  withHostAndPod((host) => {
    host.ip('link', 'set', 'vf0', 'address', mac, 'mtu', '1400', 'up');
    host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'enp1s0f0v0');
    const link = host.link('vf0');
    const shown = shownLink(host, 'vf0');
    const { ifindex, name, mtu, altnames, minMtu, maxMtu } = link;
    assert.equal(
      { ifindex, ifname: name, address: link.mac, mtu, altnames, min_mtu: minMtu, max_mtu: maxMtu },
      {
        ifindex: shown.ifindex,
        ifname: 'vf0',
        address: mac,
        mtu: 1400,
        altnames: ['enp1s0f0v0'],
        min_mtu: shown.min_mtu,
        max_mtu: shown.max_mtu,
      },
    );
    assert.equal([link.up, link.carrier, link.type, link.master, link.parentDeviceName], [true, false, 1, null, null]);
  });
});

test('a link by name, by ifindex, by altname short and long; none: null', () => {
  withHostAndPod((host) => {
    const long = 'a'.repeat(127);
    host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'short', 'altname', long);
    const { ifindex } = shownLink(host, 'vf0');
    for (const target of [{ name: 'vf0' }, { ifindex }, { name: 'short' }, { name: long }]) {
      assert.is(getLink(host.session, target)?.name, 'vf0', JSON.stringify(target));
    }
    for (const target of [{ name: 'nope' }, { ifindex: 999999 }, { name: 'b'.repeat(127) }]) {
      assert.is(getLink(host.session, target), null, JSON.stringify(target));
    }
  });
});

test('the master of an enslaved link', () => {
  withHostAndPod((host) => {
    host.ip('link', 'add', 'br0', 'type', 'bridge');
    host.ip('link', 'set', 'vf0', 'master', 'br0');
    assert.is(host.link('vf0').master, shownLink(host, 'br0').ifindex);
  });
});

test('130 links come whole, though they need several datagrams', () => {
  withHostAndPod((host) => {
    withTemporaryDirectory((directory) => {
      const batch = join(directory, 'links');
      const lines = Array.from({ length: 64 }, (_, n) => `link add a${n} type veth peer name b${n}`);
      writeFileSync(batch, `${lines.join('\n')}\n`);
      host.run('ip', '-batch', batch);
    });
    const dump = { what: 'list', type: RTM_GETLINK, flags: NLM_F_DUMP, payload: Buffer.alloc(16) };
    const listed = host.session.request(dump).map((reply) => {
      const { ifindex, name } = decodeLink(reply);
      return [ifindex, name];
    });
    const shown = (host.ip('link', 'show') as { ifindex: number; ifname: string }[]).map((link) => [
      link.ifindex,
      link.ifname,
    ]);
    assert.is(listed.length, 131);
    assert.equal(listed, shown);
    assert.equal(listDeviceLinks(host.session, new Set()), [], 'loopback and veths belong to no device');
  });
});

test('move and rename in one step, there and back', () => {
  withHostAndPod((host, pod) => {
    host.ip('link', 'set', 'vf0', 'address', mac, 'mtu', '1400', 'up');
    host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'enp1s0f0v0');
    moveLink(host.session, host.link('vf0').ifindex, { netns: pod.netns, name: 'net1' });
    assert.equal(names(host), ['wire0']);
    assert.equal(names(pod), ['net1']);
    const there = shownLink(pod, 'net1');
    assert.equal([there.address, there.mtu, there.altnames], [mac, 1400, ['enp1s0f0v0']]);
    assert.not.ok(there.flags.includes('UP'));
    moveLink(pod.session, there.ifindex, { netns: host.netns, name: 'vf0' });
    assert.equal(names(host), ['vf0', 'wire0']);
    assert.equal(names(pod), []);
  });
});

test('a move to a name that is an altname there: EEXIST, and nothing has moved', () => {
  withHostAndPod((host, pod) => {
    pod.ip('link', 'add', 'br0', 'type', 'bridge');
    pod.ip('link', 'property', 'add', 'dev', 'br0', 'altname', 'enp1s0f0v0');
    host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'enp1s0f0v0');
    const { ifindex } = host.link('vf0');
    throws(() => moveLink(host.session, ifindex, { netns: pod.netns, name: 'net1' }), 'EEXIST', 'enp1s0f0v0');
    assert.equal(names(host), ['vf0', 'wire0']);
    assert.equal(names(pod), ['br0']);
  });
});

test('a move to a name that is taken there, or is an own altname: EEXIST, and the link is in one of the two, under its old name', () => {
  for (const spoil of [
    (_host: Side, pod: Side): unknown => pod.ip('link', 'add', 'net1', 'type', 'bridge'),
    (host: Side): unknown => host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'net1'),
  ]) {
    withHostAndPod((host, pod) => {
      spoil(host, pod);
      const { ifindex } = host.link('vf0');
      throws(() => moveLink(host.session, ifindex, { netns: pod.netns, name: 'net1' }), 'EEXIST', 'as net1');
      const places = [host, pod].filter((side) => names(side).includes('vf0'));
      assert.is(places.length, 1);
      if (places[0] === pod) moveLink(pod.session, pod.link('vf0').ifindex, { netns: host.netns, name: 'vf0' });
      assert.equal(names(host), ['vf0', 'wire0']);
    });
  }
});

test('a move to what was an altname', () => {
  withHostAndPod((host, pod) => {
    host.ip('link', 'property', 'add', 'dev', 'vf0', 'altname', 'net1');
    const { ifindex } = host.link('vf0');
    removeAltnames(host.session, ifindex, ['net1']);
    moveLink(host.session, ifindex, { netns: pod.netns, name: 'net1' });
    assert.equal(names(pod), ['net1']);
  });
});

test('rename; a name that is taken: EEXIST', () => {
  withHostAndPod((host) => {
    renameLink(host.session, host.link('vf0').ifindex, 'vf1');
    assert.equal(names(host), ['vf1', 'wire0']);
    throws(() => renameLink(host.session, host.link('vf1').ifindex, 'wire0'), 'EEXIST', 'to wire0', 'ip link set if');
  });
});

test('altnames: added, removed, and refused where one is taken', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    const long = 'a'.repeat(127);
    addAltnames(host.session, ifindex, ['one', 'two', long]);
    assert.equal(shownLink(host, 'vf0').altnames, ['one', 'two', long]);
    assert.equal(host.link('vf0').altnames, ['one', 'two', long]);
    removeAltnames(host.session, ifindex, ['one', long]);
    assert.equal(shownLink(host, 'vf0').altnames, ['two']);
    throws(() => addAltnames(host.session, host.link('wire0').ifindex, ['two']), 'EEXIST', 'altname two');
    throws(() => removeAltnames(host.session, ifindex, ['nope']), 'ENOENT');
  });
});

test('MTU, within the driver’s range and beyond it', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    setLinkMtu(host.session, ifindex, 9000);
    assert.is(shownLink(host, 'vf0').mtu, 9000);
    throws(() => setLinkMtu(host.session, ifindex, 100000), 'EINVAL', 'mtu greater than device maximum');
    assert.is(shownLink(host, 'vf0').mtu, 9000);
  });
});

test('MAC; a multicast one is refused', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    setLinkMac(host.session, ifindex, mac);
    assert.is(shownLink(host, 'vf0').address, mac);
    throws(() => setLinkMac(host.session, ifindex, '01:11:22:33:44:55' as MacAddress), 'EADDRNOTAVAIL');
  });
});

test('up and down, and no other flag', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    host.ip('link', 'set', 'vf0', 'arp', 'off');
    setLinkUp(host.session, ifindex);
    assert.ok(['UP', 'NOARP'].every((flag) => shownLink(host, 'vf0').flags.includes(flag)));
    setLinkDown(host.session, ifindex);
    assert.not.ok(shownLink(host, 'vf0').flags.includes('UP'));
    assert.ok(shownLink(host, 'vf0').flags.includes('NOARP'));
  });
});

test('a link that is gone: ENODEV', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    host.ip('link', 'del', 'vf0');
    throws(() => setLinkUp(host.session, ifindex), 'ENODEV');
    throws(() => readVfAdminState(host.session, ifindex, 0), 'ENODEV');
  });
});

test('a link that is no PF has no VFs, and refuses their settings', () => {
  withHostAndPod((host) => {
    const link = host.link('vf0');
    assert.is(readVfAdminState(host.session, link.ifindex, 0), null);
    assert.is(listVfAdminStates(host.session, link.ifindex).size, 0);
    throws(() => changeVf(host.session, link, 3, { trust: 'on' }), 'EOPNOTSUPP', 'trust of VF 3 of vf0');
  });
});
