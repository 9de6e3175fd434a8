import { renameSync } from 'node:fs';
import { join } from 'node:path';
import { asRoot, withNetns } from '../support/netns.ts';
import { withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { addressesOf, linkNames } from './pod-view.ts';

const test = suite('repeated');
const root = asRoot(test);

root('a second ADD is refused with 112, and changes nothing; after a DEL it works', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    node.succeed('ADD', conf);
    const attached = node.picture();
    const error = node.fail('ADD', conf);
    assert.is(error.code, 112);
    for (const part of ['net1', 'c1', node.vfPcis[0] ?? '']) assert.match(error.msg, part);
    assert.equal(node.picture(), attached);
    assert.equal(addressesOf(node.pod, 'net1'), ['10.0.2.2/24']);
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
    node.succeed('ADD', conf);
    node.succeed('DEL', conf);
    assert.equal(node.picture(), before);
  });
});

root('the VF of another container is refused with 102, naming the holder', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('ADD', conf);
    const attached = node.picture();
    withNetns((other) => {
      const error = node.fail('ADD', conf, { containerId: 'c2', netns: other.path });
      assert.is(error.code, 102);
      for (const part of ['net1', 'c1', 'vf-test1']) assert.match(error.msg, part);
      assert.equal(node.fail('ADD', { ...conf, name: 'another' }, { containerId: 'c2', netns: other.path }).code, 102);
      assert.equal(linkNames(other), ['lo']);
    });
    assert.equal(node.picture(), attached);
    node.succeed('DEL', conf);
  });
});

root('DEL may be repeated, with and without its namespace', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    for (const netns of [node.pod.path, '', undefined, '/run/netns/dra-test-gone', '/proc/1/no/such', node.host.path]) {
      node.succeed('ADD', conf);
      for (let time = 0; time < 3; time++) {
        const { stdout } = node.succeed('DEL', conf, { env: { CNI_NETNS: netns } });
        assert.is(stdout, '');
        assert.equal(node.picture(), before, `DEL number ${time + 1} with CNI_NETNS ${netns}`);
      }
    }
  });
});

root('DEL after the namespace was deleted', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const netns = withNetns((pod) => {
      node.succeed('ADD', conf, { netns: pod.path });
      // A VF goes to the host under some name when its namespace dies; a veth would die too.
      pod.run('ip', 'link', 'set', 'net1', 'netns', node.host.path, 'name', 'dev17');
      const net = join(node.directory, 'sys/bus/pci/devices', node.vfPcis[0] ?? '', 'net');
      renameSync(join(net, 'vf0'), join(net, 'dev17'));
      return pod.path;
    });
    assert.equal(node.leases(), ['10.0.2.2']);
    node.succeed('DEL', conf, { netns });
    assert.equal(node.leases(), []);
    assert.equal(node.stateFiles(), []);
    assert.equal(linkNames(node.host).sort(), ['lo', 'pf0', 'pf0peer', 'vf0', 'vf1']);
    node.succeed('DEL', conf, { netns });
  });
});

root('DEL of a container that nobody knows succeeds, and touches no other', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.succeed('DEL', conf, { containerId: 'unknown' });
    node.succeed('ADD', conf);
    const attached = node.picture();
    for (const call of [{ containerId: 'unknown' }, { ifname: 'net2' }, { containerId: 'c' }, { containerId: 'c11' }]) {
      assert.is(node.succeed('DEL', conf, call).stdout, '');
    }
    node.succeed('DEL', { ...conf, name: 'another' });
    assert.equal(node.picture(), attached);
    node.succeed('DEL', conf);
  });
});

root('an interface name that is taken in the pod: 107, nothing changed; lo too', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    node.pod.run('ip', 'link', 'add', 'net1', 'type', 'veth', 'peer', 'name', 'other');
    node.pod.addAltnames('net1', 'net7');
    const before = node.picture();
    for (const ifname of ['net1', 'net7', 'lo']) {
      const error = node.fail('ADD', conf, { ifname });
      assert.is(error.code, 107, error.msg);
      assert.match(error.msg, ifname);
      node.succeed('DEL', conf, { ifname });
      assert.equal(node.picture(), before);
    }
  });
});

root('CNI_NETNS that is the host’s own, no namespace, or nothing at all: code 8', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const before = node.picture();
    for (const netns of [
      node.host.path,
      '/proc/self/ns/net',
      '/run/netns/dra-test-gone',
      '/etc/passwd',
      '/proc/self/ns/ipc',
      '/',
    ]) {
      const error = node.fail('ADD', conf, { netns });
      assert.is(error.code, 8, `${netns}: ${error.msg}`);
      assert.match(error.msg, netns);
    }
    assert.equal(node.picture(), before);
  });
});

root('CNI_NETNS_OVERRIDE allows the host’s own namespace', () => {
  withStandInNode({ built: true }, (node) => {
    const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam() });
    const names = linkNames(node.host).sort();
    for (const value of ['0', 'false', '', 'yes']) {
      assert.is(node.fail('ADD', conf, { netns: node.host.path, env: { CNI_NETNS_OVERRIDE: value } }).code, 8);
    }
    for (const value of ['1', 'true', 'TRUE']) {
      const call = { netns: node.host.path, env: { CNI_NETNS_OVERRIDE: value } };
      node.succeed('ADD', conf, call);
      assert.ok(addressesOf(node.host, 'net1').includes(`${node.leases()[0]}/24`));
      node.succeed('DEL', conf, call);
      assert.equal(linkNames(node.host).sort(), names);
      assert.equal([...node.leases(), ...node.stateFiles()], []);
    }
  });
});
