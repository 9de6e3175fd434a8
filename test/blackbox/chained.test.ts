import { asRoot } from '../support/netns.ts';
import { peer } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { addressesOf, linkOf, routeTexts } from './pod-view.ts';

const test = suite('chained');
const root = asRoot(test);

const podPath = '/run/netns/some-pod';

/** The interfaces that an earlier plugin of the chain has made: eth0 in the pod and its end on the host. */
const earlier = {
  interfaces: [
    { name: 'veth12', mac: '02:00:00:00:0a:01' },
    { name: 'eth0', mac: '02:00:00:00:0a:02', sandbox: podPath },
  ],
  ips: [{ address: '10.244.0.7/24', gateway: '10.244.0.1', interface: 1 }],
  routes: [{ dst: '0.0.0.0/0', gw: '10.244.0.1' }],
  dns: { nameservers: ['10.96.0.10'] },
};

function confOf(node: StandInNode, keys: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam(), ...keys });
}

root('an earlier plugin’s interfaces, addresses, routes and dns are kept; ours come after them', () => {
  withStandInNode({ built: true }, (node) => {
    const prevResult = { cniVersion: '1.0.0', ...earlier };
    const routes = [{ dst: '10.9.0.0/16', gw: '10.0.2.7' }];
    const conf = confOf(node, { prevResult, ipam: node.ipam('10.0.2.0/24', { routes }) });
    const { json } = node.succeed('ADD', conf);
    const ours = { name: 'net1', mac: linkOf(node.pod, 'net1').address, sandbox: node.pod.path };
    assert.equal(json, {
      cniVersion: '1.0.0',
      interfaces: [...earlier.interfaces, ours],
      ips: [...earlier.ips, { address: '10.0.2.2/24', gateway: '10.0.2.1', interface: 2 }],
      routes: [...earlier.routes, ...routes],
      dns: earlier.dns,
    });
    node.succeed('CHECK', { ...conf, prevResult: json });
    node.succeed('DEL', { ...conf, prevResult: json });
  });
});

root('nothing of prevResult is done to the pod', () => {
  withStandInNode({ built: true }, (node) => {
    node.succeed('ADD', confOf(node, { prevResult: earlier, ipam: undefined }));
    assert.equal(addressesOf(node.pod, 'net1'), []);
    assert.equal(routeTexts(node.pod, 'net1', '-4'), []);
    node.succeed('DEL', confOf(node, { prevResult: earlier }));
  });
});

root('a prevResult of an older version is passed on in the config’s version', () => {
  withStandInNode({ built: true }, (node) => {
    const prevResult = { cniVersion: '0.2.0', ip4: { ip: '10.244.0.7/24', gateway: '10.244.0.1' } };
    const { json } = node.succeed('ADD', confOf(node, { cniVersion: '0.3.1', prevResult }));
    const { ips } = json as { ips: unknown };
    assert.equal(ips, [
      { version: '4', address: '10.244.0.7/24', gateway: '10.244.0.1' },
      { version: '4', address: '10.0.2.2/24', gateway: '10.0.2.1', interface: 0 },
    ]);
    node.succeed('DEL', confOf(node, {}));
  });
});

root('the details that 1.1.0 has of an earlier plugin are passed on', () => {
  withStandInNode({ built: true }, (node) => {
    const interfaces = [{ name: 'eth0', mtu: 1450, socketPath: '/run/x', pciID: '0000:01:00.0', sandbox: podPath }];
    const routes = [{ dst: '10.1.0.0/16', gw: '10.244.0.1', mtu: 1400, advmss: 1360, priority: 3, table: 9, scope: 0 }];
    const conf = confOf(node, {
      cniVersion: '1.1.0',
      ipam: undefined,
      prevResult: { ...earlier, interfaces, routes, ips: [] },
    });
    const { json } = node.succeed('ADD', conf);
    const result = json as { interfaces: unknown[]; routes: unknown };
    assert.equal(result.interfaces[0], interfaces[0]);
    assert.equal(result.routes, routes);
    node.succeed('DEL', conf);
  });
});

root('CHECK finds what has changed in the pod, and lists all of it', () => {
  withStandInNode({ built: true }, (node) => {
    const routes = [{ dst: '10.9.0.0/16', gw: '10.0.2.7' }];
    const conf = confOf(node, { cniVersion: '1.0.0', mtu: 1400, ipam: node.ipam('10.0.2.0/24', { routes }) });
    const { json } = node.succeed('ADD', conf);
    const checked = { ...conf, prevResult: json };
    node.succeed('CHECK', checked);
    node.pod.run('ip', 'route', 'del', '10.9.0.0/16');
    node.pod.run('ip', 'link', 'set', 'net1', 'address', '02:00:00:00:00:99');
    const error = node.fail('CHECK', checked);
    assert.is(error.code, 110);
    for (const part of ['10.9.0.0/16', '10.0.2.7', '02:00:00:00:00:99']) assert.match(error.msg, part);
    node.pod.run('ip', 'addr', 'flush', 'dev', 'net1');
    node.pod.run('ip', 'link', 'set', 'net1', 'down');
    const worse = node.fail('CHECK', checked);
    for (const part of ['10.0.2.2/24', 'down', '10.9.0.0/16']) assert.match(worse.msg, part);
    node.succeed('DEL', conf);
    assert.is(node.fail('CHECK', checked).code, 110, 'after DEL there is nothing to check');
  });
});

root('CHECK accepts what a later plugin of the chain has changed and reported', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = confOf(node, {});
    const { json } = node.succeed('ADD', conf);
    const result = json as { interfaces: { mac: string }[] };
    node.pod.run('ip', 'link', 'set', 'net1', 'address', '02:00:00:00:00:99');
    const [own] = result.interfaces;
    const prevResult = { ...result, interfaces: [{ ...own, mac: '02:00:00:00:00:99' }] };
    node.succeed('CHECK', { ...conf, prevResult });
    assert.is(node.fail('CHECK', { ...conf, prevResult: { ...result, interfaces: [] } }).code, 110);
    node.succeed('DEL', conf);
  });
});

const tuning = 'containernetworking’s tuning takes our result, and its own passes our CHECK and DEL';
if (peer('tuning') === null) test.skip(tuning, 'there is no tuning plugin on this machine');
else
  root(tuning, () => {
    withStandInNode({ built: true }, (node) => {
      const conf = confOf(node, {});
      const before = node.picture();
      const { json } = node.succeed('ADD', conf);
      const later = node.conf({ type: 'tuning', sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' }, mtu: 1400 });
      const call = { program: [peer('tuning') ?? ''] };
      const tuned = node.succeed('ADD', { ...later, dataDir: `${node.directory}/tuning`, prevResult: json }, call).json;
      assert.is(linkOf(node.pod, 'net1').mtu, 1400);
      node.succeed('CHECK', { ...conf, prevResult: tuned });
      node.succeed('DEL', { ...later, dataDir: `${node.directory}/tuning`, prevResult: tuned }, call);
      node.succeed('DEL', { ...conf, prevResult: tuned });
      assert.equal(node.picture(), before);
    });
  });
