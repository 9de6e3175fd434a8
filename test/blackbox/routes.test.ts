import { clusterPodScript } from '../support/cluster-pod.ts';
import type { CniCall } from '../support/cni-node.ts';
import { asRoot } from '../support/netns.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam, printing } from './fake-ipam.ts';
import { type IpRoute, routesOf } from './pod-view.ts';

const test = suite('routes');
const root = asRoot(test);

type Route = Readonly<Record<string, unknown>>;

/** An attachment whose IPAM plugin gave `10.0.2.5/24`, `fd00:2::5/64`, and routes. */
class RoutedPod {
  readonly node: StandInNode;
  readonly #call: CniCall;
  readonly #conf: Readonly<Record<string, unknown>>;
  prevResult: unknown = null;

  constructor(node: StandInNode, routes: readonly Route[], index = 0) {
    this.node = node;
    const ips = [
      { address: `10.0.2.${5 + index}/24`, gateway: '10.0.2.1' },
      { address: `fd00:2::${5 + index}/64`, gateway: 'fd00:2::1' },
    ];
    const ipam = new FakeIpam(node, { ADD: printing({ cniVersion: '1.1.0', ips, routes }) });
    this.#call = { env: ipam.env, ifname: `net${index + 1}` };
    this.#conf = node.conf({ cniVersion: '1.1.0', deviceID: node.vfPcis[index], ipam: { type: ipam.type } });
  }

  attach(): this {
    this.prevResult = this.node.succeed('ADD', this.#conf, this.#call).json;
    return this;
  }

  check(): void {
    this.node.succeed('CHECK', { ...this.#conf, prevResult: this.prevResult }, this.#call);
  }

  /** The message of a CHECK that has to find differences. */
  differences(): string {
    const { code, msg } = this.node.fail('CHECK', { ...this.#conf, prevResult: this.prevResult }, this.#call);
    assert.is(code, 110);
    return msg;
  }

  detach(): void {
    this.node.succeed('DEL', this.#conf, this.#call);
  }
}

function withNode(body: (node: StandInNode) => void): void {
  withStandInNode({ built: true, vfs: 4 }, (node) => {
    for (const name of ['vf2', 'vf3']) node.host.run('ip', 'link', 'set', name, 'up');
    body(node);
  });
}

interface Listed extends IpRoute {
  readonly dev?: string;
  readonly nexthops?: readonly { readonly gateway: string; readonly dev: string }[];
}

/** `gateway dev` of all routes to a destination, in the kernel's order, with a line for each next hop. */
function ways({ pod }: StandInNode, family: '-4' | '-6', dst: string, table = 'main'): string[] {
  const routes = (pod.ip(family, 'route', 'show', dst, 'table', table) ?? []) as readonly Listed[];
  return routes
    .filter(({ protocol }) => protocol !== 'kernel')
    .flatMap(({ gateway, dev, nexthops }) => nexthops ?? [{ gateway: gateway ?? 'on-link', dev: dev ?? '' }])
    .map(({ gateway, dev }) => `${gateway} ${dev}`);
}

const defaults = [{ dst: '0.0.0.0/0' }, { dst: '::/0' }];

root('default routes beside those of eth0; CHECK tells whose is missing, DEL takes only ours', () => {
  withNode((node) => {
    node.pod.run('sh', '-c', clusterPodScript);
    const pod = new RoutedPod(node, defaults).attach();
    assert.equal(ways(node, '-4', 'default'), ['10.0.2.1 net1', '10.244.0.1 eth0']);
    assert.equal(ways(node, '-6', 'default'), ['fd44::1 eth0', 'fd00:2::1 net1']);
    pod.check();
    const nextHop = (verb: string, gateway: string, dev: string): unknown =>
      node.pod.run('ip', '-6', 'route', verb, 'default', 'via', gateway, 'dev', dev);
    nextHop('del', 'fd44::1', 'eth0');
    node.pod.run('ip', 'route', 'del', 'default', 'via', '10.244.0.1');
    pod.check();
    nextHop('append', 'fd44::1', 'eth0');
    nextHop('del', 'fd00:2::1', 'net1');
    node.pod.run('ip', 'route', 'del', 'default', 'via', '10.0.2.1');
    node.pod.run('ip', 'route', 'add', 'default', 'via', '10.244.0.1');
    const message = pod.differences();
    for (const words of ['route 0.0.0.0/0 via 10.0.2.1 is missing', 'route ::/0 via fd00:2::1 is missing'])
      assert.match(message, words);
    pod.detach();
    assert.equal([ways(node, '-4', 'default'), ways(node, '-6', 'default')], [['10.244.0.1 eth0'], ['fd44::1 eth0']]);
  });
});

root('one network twice, with routes: both have them, and the end of one leaves the other’s', () => {
  withNode((node) => {
    const routes = [{ dst: '10.9.0.0/16' }, { dst: 'fd00:9::/32' }];
    const [first, second] = [0, 2].map((index) => new RoutedPod(node, routes, index).attach());
    assert.equal(ways(node, '-4', '10.9.0.0/16'), ['10.0.2.1 net3', '10.0.2.1 net1']);
    assert.equal(ways(node, '-6', 'fd00:9::/32'), ['fd00:2::1 net1', 'fd00:2::1 net3']);
    first?.check();
    second?.check();
    node.pod.run('ip', '-6', 'route', 'del', 'fd00:9::/32', 'via', 'fd00:2::1', 'dev', 'net3');
    first?.check();
    assert.match(second?.differences() ?? '', 'net3: route fd00:9::/32 via fd00:2::1 is missing');
    second?.detach();
    first?.check();
    assert.equal(ways(node, '-4', '10.9.0.0/16'), ['10.0.2.1 net1']);
    assert.equal(ways(node, '-6', 'fd00:9::/32'), ['fd00:2::1 net1']);
    first?.detach();
  });
});

root('several gateways of one destination: none is lost, and CHECK misses each', () => {
  withNode((node) => {
    const gateways = ['10.0.2.7', '10.0.2.8', 'fd00:2::7', 'fe80::8'];
    const routes = gateways.map((gw) => ({ dst: gw.includes(':') ? 'fd00:9::/32' : '10.9.0.0/16', gw }));
    const pod = new RoutedPod(node, routes).attach();
    assert.equal(ways(node, '-4', '10.9.0.0/16'), ['10.0.2.8 net1', '10.0.2.7 net1']);
    assert.equal(ways(node, '-6', 'fd00:9::/32'), ['fd00:2::7 net1', 'fe80::8 net1']);
    pod.check();
    for (const { dst, gw } of routes) {
      const family = gw.includes(':') ? '-6' : '-4';
      node.pod.run('ip', family, 'route', 'del', dst, 'via', gw, 'dev', 'net1');
      assert.match(pod.differences(), new RegExp(`: net1: route ${dst} via ${gw} is missing$`));
      node.pod.run('ip', family, 'route', 'append', dst, 'via', gw, 'dev', 'net1');
      pod.check();
    }
    pod.detach();
  });
});

root('a route to the addresses’ own networks, with and without gateway, and one that is listed twice', () => {
  withNode((node) => {
    const own = [{ dst: '10.0.2.0/24' }, { dst: '10.0.2.0/24', gw: '0.0.0.0' }, { dst: 'fd00:2::/64' }];
    const pod = new RoutedPod(node, [...own, ...own]).attach();
    assert.equal(ways(node, '-4', '10.0.2.0/24'), ['on-link net1', '10.0.2.1 net1']);
    assert.equal(ways(node, '-6', 'fd00:2::/64'), ['fd00:2::1 net1']);
    pod.check();
    pod.detach();
  });
});

root('a gateway of all zeros is none, for ADD as for CHECK', () => {
  withNode((node) => {
    const routes = [
      { dst: '10.9.0.0/16', gw: '0.0.0.0' },
      { dst: 'fd00:9::/32', gw: '::' },
    ];
    const pod = new RoutedPod(node, routes).attach();
    const shown = ['-4', '-6'].flatMap((family) => routesOf(node.pod, 'net1', family as '-4' | '-6'));
    assert.equal(
      shown.map(({ dst, gateway }) => [dst, gateway]),
      [
        ['10.9.0.0/16', undefined],
        ['fd00:9::/32', undefined],
      ],
    );
    assert.equal((pod.prevResult as { routes: unknown }).routes, routes);
    pod.check();
    pod.detach();
  });
});

root('a gateway off the addresses’ network, reached by a route on the link', () => {
  withNode((node) => {
    const routes = [
      { dst: '169.254.1.1/32', gw: '0.0.0.0' },
      { dst: '10.9.0.0/16', gw: '169.254.1.1' },
    ];
    const pod = new RoutedPod(node, routes).attach();
    assert.equal(ways(node, '-4', '10.9.0.0/16'), ['169.254.1.1 net1']);
    pod.check();
    pod.detach();
  });
});

root('CHECK compares table, metric, mtu and advmss, and what a plugin such as sbr moves is not missing', () => {
  withNode((node) => {
    const dst = '10.9.0.0/16';
    const tabled = { dst, table: 100, priority: 7, mtu: 1300, advmss: 1260 };
    const pod = new RoutedPod(node, [tabled, { dst: '10.8.0.0/16' }, { dst: 'fd00:9::/32', priority: 9 }]).attach();
    pod.check();
    node.pod.run('ip', 'route', 'del', '10.8.0.0/16');
    node.pod.run('ip', 'route', 'add', '10.8.0.0/16', 'via', '10.0.2.1', 'table', '200');
    pod.check();
    const way = [dst, 'via', '10.0.2.1'];
    const whole = [...way, 'table', '100', 'metric', '7', 'mtu', '1300', 'advmss', '1260'];
    for (const other of [
      [...way, 'metric', '7', 'mtu', '1300', 'advmss', '1260'],
      [...way, 'table', '100', 'metric', '8', 'mtu', '1300', 'advmss', '1260'],
      [...way, 'table', '100', 'metric', '7', 'mtu', '1301', 'advmss', '1260'],
      [...way, 'table', '100', 'metric', '7', 'mtu', '1300'],
    ]) {
      node.pod.run('ip', 'route', 'del', ...whole);
      node.pod.run('ip', 'route', 'add', ...other);
      assert.match(pod.differences(), /: net1: route 10\.9\.0\.0\/16 via 10\.0\.2\.1[^;]* is missing$/);
      node.pod.run('ip', 'route', 'del', ...other);
      node.pod.run('ip', 'route', 'add', ...whole);
    }
    pod.check();
    pod.detach();
  });
});
