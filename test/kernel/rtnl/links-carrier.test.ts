import { spawn } from 'node:child_process';
import { moveLink, waitForCarrier } from '../../../src/kernel/rtnl/links.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { platform, shownLink, withHostAndPod } from './host-and-pod.ts';

const test = asRoot(suite('kernel/rtnl/links, carrier'));

test('a peer that comes up later, seen from a pod', () => {
  withHostAndPod((host, pod) => {
    moveLink(host.session, host.link('vf0').ifindex, { netns: pod.netns, name: 'net1' });
    pod.ip('link', 'set', 'net1', 'up');
    const { ifindex } = pod.link('net1');
    assert.is(waitForCarrier(platform, pod.namespace, ifindex, 0), false);
    spawn('sh', ['-c', `sleep 0.2; ip -n ${host.name} link set wire0 up`], { stdio: 'ignore' });
    assert.is(waitForCarrier(platform, pod.namespace, ifindex, 60_000), true);
    assert.is(shownLink(pod, 'net1').operstate, 'UP');
    assert.is(pod.link('net1').carrier, true);
  });
});

test('a peer that stays down: false when time is up', () => {
  withHostAndPod((host) => {
    host.ip('link', 'set', 'vf0', 'up');
    const begin = platform.monotonicMs();
    assert.is(waitForCarrier(platform, host.namespace, host.link('vf0').ifindex, 150), false);
    const tookMs = platform.monotonicMs() - begin;
    assert.ok(tookMs >= 140 && tookMs < 60_000, `${tookMs} ms`);
  });
});

test('a link that can send already, a link that is down, a link that is gone', () => {
  withHostAndPod((host) => {
    const { ifindex } = host.link('vf0');
    assert.is(waitForCarrier(platform, host.namespace, ifindex, 0), false);
    host.ip('link', 'set', 'vf0', 'up');
    host.ip('link', 'set', 'wire0', 'up');
    assert.is(waitForCarrier(platform, host.namespace, ifindex, 60_000), true);
    assert.is(waitForCarrier(platform, host.namespace, 999999, 2000), false);
  });
});
