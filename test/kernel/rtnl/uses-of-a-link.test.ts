import { addAddress, listGivenAddresses } from '../../../src/kernel/rtnl/addresses.ts';
import { listHeardMacs } from '../../../src/kernel/rtnl/neighbours.ts';
import { listGivenRoutes } from '../../../src/kernel/rtnl/routes.ts';
import { asRoot } from '../../support/netns.ts';
import { assert, suite } from '../../support/suite.ts';
import { withHostAndPod } from './host-and-pod.ts';

const root = asRoot(suite('kernel/rtnl, what a link is used for'));

root('what the kernel does by itself where a link is up is no use of it', () => {
  withHostAndPod((host) => {
    for (const name of ['vf0', 'wire0']) host.ip('link', 'set', name, 'up');
    const { ifindex } = host.link('vf0');
    host.ip('addr', 'add', '2001:db8:5::1/64', 'dev', 'vf0', 'mngtmpaddr', 'nodad');
    host.ip('route', 'add', '2001:db8:6::/64', 'dev', 'vf0', 'proto', 'ra');
    const shown = host.ip('addr', 'show', 'vf0') as [{ addr_info: { scope: string }[] }];
    assert.equal(shown[0].addr_info.map(({ scope }) => scope).sort(), ['global', 'link']);
    assert.equal(listGivenAddresses(host.session, ifindex), []);
    assert.equal(listGivenRoutes(host.session, ifindex), []);
    assert.equal(listHeardMacs(host.session, ifindex), []);
  });
});

root('addresses and routes that somebody has given this link, in whatever table; those of other links are none', () => {
  withHostAndPod((host) => {
    for (const name of ['vf0', 'wire0']) host.ip('link', 'set', name, 'up');
    const { ifindex } = host.link('vf0');
    host.ip('addr', 'add', '10.7.0.1/24', 'dev', 'wire0');
    host.ip('route', 'add', '10.8.0.0/16', 'via', '10.7.0.2');
    assert.equal([listGivenAddresses(host.session, ifindex), listGivenRoutes(host.session, ifindex)], [[], []]);
    addAddress(host.session, ifindex, '10.9.0.1/24');
    addAddress(host.session, ifindex, '2001:db8::1/64');
    host.ip('route', 'add', 'default', 'via', '10.9.0.2', 'dev', 'vf0');
    host.ip('-6', 'route', 'add', 'default', 'via', 'fe80::7', 'dev', 'vf0', 'table', '77');
    host.ip('route', 'add', '10.10.0.0/16', 'nexthop', 'via', '10.7.0.2', 'nexthop', 'via', '10.9.0.2');
    assert.equal(listGivenAddresses(host.session, ifindex), ['10.9.0.1/24', '2001:db8::1/64']);
    const routes = listGivenRoutes(host.session, ifindex);
    assert.equal(
      routes.map((route) => route.split(' ')[0]),
      ['0.0.0.0/0', '10.10.0.0/16', '::/0'],
    );
  });
});

root('a macvlan in a container makes the link listen for its MAC', () => {
  withHostAndPod((host, pod) => {
    for (const name of ['vf0', 'wire0']) host.ip('link', 'set', name, 'up');
    const { ifindex } = host.link('vf0');
    host.ip('link', 'add', 'mv0', 'link', 'vf0', 'address', '0a:00:00:00:00:07', 'type', 'macvlan');
    host.ip('link', 'set', 'mv0', 'netns', pod.name, 'up');
    assert.equal(listHeardMacs(host.session, ifindex), ['0a:00:00:00:00:07']);
  });
});
