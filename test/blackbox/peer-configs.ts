// The configs that are compared with host-device, from tables: every shape of a route with every kind of address, and
// chains.
import type { Json, PeerNetwork } from './peer-pods.ts';

export interface PeerConfig {
  readonly name: string;
  readonly network: PeerNetwork;
  /** How often the pod has this network. */
  readonly attachments?: number;
  /** Refused by the kernel, or a plugin of the chain, for both. */
  readonly refused?: true;
}

/** The addresses and routes of one family. */
const families = {
  v4: {
    address: '10.0.2.5/24',
    second: '10.0.3.5/24',
    gateway: '10.0.2.1',
    otherGateway: '10.0.2.7',
    own: '10.0.2.0/24',
    net: '10.9.0.0/16',
    hostBits: '10.9.7.7/16',
    all: '0.0.0.0/0',
    zero: '0.0.0.0',
    unreachable: '192.0.2.1',
  },
  v6: {
    address: 'fd00:2::5/64',
    second: 'fd00:3::5/64',
    gateway: 'fd00:2::1',
    otherGateway: 'fd00:2::7',
    own: 'fd00:2::/64',
    net: 'fd00:9::/32',
    hostBits: 'fd00:9::7/32',
    all: '::/0',
    zero: '::',
    unreachable: '2001:db8::1',
  },
} as const;

type Family = (typeof families)[keyof typeof families];
type Route = Json & { readonly dst: string };

/** The routes of a network, by what is special about them. */
const routeShapes: Readonly<Record<string, (family: Family) => readonly Route[]>> = {
  none: () => [],
  default: ({ all }) => [{ dst: all }],
  'default with a gateway of its own': ({ all, otherGateway }) => [{ dst: all, gw: otherGateway }],
  'a network': ({ net }) => [{ dst: net }],
  'a network with a gateway of its own': ({ net, otherGateway }) => [{ dst: net, gw: otherGateway }],
  'the own network': ({ own }) => [{ dst: own }],
  'the own network, zero gateway': ({ own, zero }) => [{ dst: own, gw: zero }],
  'two gateways': ({ net, gateway, otherGateway }) => [
    { dst: net, gw: gateway },
    { dst: net, gw: otherGateway },
  ],
  'two default gateways': ({ all, gateway, otherGateway }) => [
    { dst: all, gw: gateway },
    { dst: all, gw: otherGateway },
  ],
  'two priorities': ({ net }) => [
    { dst: net, priority: 5 },
    { dst: net, priority: 6 },
  ],
  'priority of default': ({ all }) => [{ dst: all, priority: 2000 }],
  'table 100': ({ net, all }) => [
    { dst: net, table: 100 },
    { dst: all, table: 100 },
  ],
  'table 5000': ({ net }) => [{ dst: net, table: 5000, priority: 7 }],
  'global scope': ({ net }) => [{ dst: net, scope: 0 }],
  'link scope': ({ net }) => [{ dst: net, scope: 253 }],
  'mtu and advmss': ({ net }) => [{ dst: net, mtu: 1300, advmss: 1260 }],
  'zero gateway': ({ net, zero }) => [{ dst: net, gw: zero }],
  'host bits': ({ hostBits }) => [{ dst: hostBits }],
  'listed twice': ({ net }) => [{ dst: net }, { dst: net }],
  'a gateway that nothing leads to': ({ net, unreachable }) => [{ dst: net, gw: unreachable }],
};

const statically = (addresses: readonly Json[], routes: readonly Json[] = []): PeerNetwork => ({
  ipam: { type: 'static', addresses, routes },
});

/** Each shape with an address that has a gateway, and without one where that makes a difference. */
export const routeConfigs: readonly PeerConfig[] = Object.entries(families).flatMap(([label, family]) =>
  Object.entries(routeShapes).flatMap(([shape, routesOf]) => {
    const routes = routesOf(family);
    const named = (name: string, gateway: Json): PeerConfig => ({
      name: `${label}: ${shape}${name}`,
      network: statically([{ address: family.address, ...gateway }], routes),
      ...(routes.some(({ gw }) => gw === family.unreachable) ? { refused: true } : {}),
    });
    const takesGateway = routes.some(({ gw, table }) => gw === undefined && table === undefined);
    const whole = named('', { gateway: family.gateway });
    return takesGateway ? [whole, named(', address without gateway', {})] : [whole];
  }),
);

const { v4, v6 } = families;
const dual = [
  { address: v4.address, gateway: v4.gateway },
  { address: v6.address, gateway: v6.gateway },
];
const dns = { nameservers: ['10.0.0.53'], domain: 'pods.example', search: ['example'] };
const dualRoutes = [{ dst: v4.net }, { dst: v6.net }];

const hostLocal = (subnets: readonly Json[], routes: readonly Json[]): PeerNetwork => ({
  ipam: { type: 'host-local', ranges: subnets.map((subnet) => [subnet]), routes },
});

/** Kinds of addresses, IPAM plugins, versions, and one network twice. */
export const addressConfigs: readonly PeerConfig[] = [
  { name: 'no IPAM', network: {} },
  { name: 'both families', network: statically(dual, [{ dst: v4.all }, { dst: v6.all }]) },
  {
    name: 'several addresses of each family',
    network: statically(
      [...dual, { address: v4.second }, { address: '10.0.2.9/24' }, { address: v6.second }],
      dualRoutes,
    ),
  },
  {
    name: 'gateways in the second addresses alone',
    network: statically(
      [
        { address: v4.address },
        { address: v6.address },
        { address: v4.second, gateway: '10.0.3.1' },
        { address: v6.second, gateway: 'fd00:3::1' },
      ],
      dualRoutes,
    ),
  },
  { name: '/31', network: statically([{ address: '10.0.2.6/31', gateway: '10.0.2.7' }], [{ dst: v4.all }]) },
  { name: '/127', network: statically([{ address: 'fd00:2::6/127', gateway: 'fd00:2::7' }], [{ dst: v6.all }]) },
  { name: '/32', network: statically([{ address: '10.0.2.6/32' }], [{ dst: v4.net }]) },
  { name: '/128', network: statically([{ address: 'fd00:2::6/128' }], [{ dst: v6.net }]) },
  {
    name: '/32, on-link route to its gateway',
    network: statically(
      [{ address: '10.0.2.6/32' }],
      [
        { dst: '169.254.1.1/32', scope: 253 },
        { dst: v4.all, gw: '169.254.1.1' },
      ],
    ),
  },
  {
    name: '/32, route of global scope to its gateway',
    network: statically([{ address: '10.0.2.6/32' }], [{ dst: '169.254.1.1/32' }, { dst: v4.all, gw: '169.254.1.1' }]),
  },
  {
    name: '/128, on-link route to its gateway',
    network: statically([{ address: 'fd00:2::6/128' }], [{ dst: 'fd00:8::1/128' }, { dst: v6.net, gw: 'fd00:8::1' }]),
  },
  {
    name: '/32 with a gateway outside',
    network: statically([{ address: '10.0.2.6/32', gateway: v4.gateway }], [{ dst: v4.net }]),
    refused: true,
  },
  {
    name: 'link-local gateway',
    network: statically([{ address: v6.address, gateway: 'fe80::1' }], [{ dst: v6.all }, { dst: v6.net }]),
  },
  { name: 'link-local address', network: statically([{ address: '169.254.7.7/16' }, { address: 'fe80::7/64' }]) },
  {
    name: 'zero gateway of the address',
    network: statically([{ address: v4.address, gateway: v4.zero }], [{ dst: v4.net }]),
  },
  { name: 'routes without addresses of their family', network: statically([{ address: v4.address }], dualRoutes) },
  { name: 'no address', network: statically([]), refused: true },
  { name: 'one address twice', network: statically([{ address: v4.address }, { address: v4.address }]), refused: true },
  { name: 'dns of the config', network: { ...statically(dual), keys: { dns } } },
  { name: 'dns of IPAM', network: { ipam: { type: 'static', addresses: dual, dns } } },
  {
    name: 'host-local, both families',
    network: hostLocal([{ subnet: v4.own }, { subnet: v6.own }], [{ dst: v4.all }, { dst: v6.net }]),
  },
  {
    name: 'host-local with gateway',
    network: hostLocal(
      [{ subnet: v4.own, gateway: '10.0.2.254', rangeStart: '10.0.2.100' }],
      [{ dst: v4.all, gw: v4.otherGateway }],
    ),
  },
  ...['0.3.1', '0.4.0', '1.0.0', '1.1.0'].map((cniVersion): PeerConfig => {
    return { name: `CNI ${cniVersion}`, network: { cniVersion, ...statically(dual, dualRoutes) } };
  }),
  {
    name: 'one network twice, v4 and v6',
    network: hostLocal([{ subnet: v4.own }, { subnet: v6.own }], dualRoutes),
    attachments: 2,
  },
  {
    name: 'one network twice, default routes',
    network: hostLocal([{ subnet: v4.own }, { subnet: v6.own }], [{ dst: v4.all }, { dst: v6.all }]),
    attachments: 2,
  },
];

const tuning = { type: 'tuning', sysctl: { 'net.ipv4.conf.IFNAME.arp_filter': '1' } };
const subnets = [{ subnet: v4.own }, { subnet: v6.own }];
const chained = (name: string, chain: readonly Json[], more: Partial<PeerConfig> = {}): PeerConfig => ({
  name: `chain: ${name}`,
  network: { cniVersion: '1.0.0', ...hostLocal(subnets, [...dualRoutes, { dst: v4.all, gw: v4.gateway }]), chain },
  ...more,
});
const twice = { attachments: 2 };
const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }];
const limits = { ingressRate: 1_000_000, ingressBurst: 1_000_000 };

/** Plugins that operators put behind the VF's, in their order. */
export const chainConfigs: readonly PeerConfig[] = [
  chained('tuning', [tuning]),
  chained('tuning of mac, mtu, promisc and allmulti', [
    { ...tuning, mac: '02:00:00:00:09:09', mtu: 1400, promisc: true, allmulti: true },
  ]),
  chained('sbr', [{ type: 'sbr' }]),
  chained('sbr with a table', [{ type: 'sbr', table: 777 }]),
  chained('sbr with source hints', [{ type: 'sbr', addSourceHints: true }]),
  chained('sbr behind one network twice', [{ type: 'sbr' }], twice),
  chained('tuning and sbr behind one network twice', [tuning, { type: 'sbr' }], twice),
  chained('bandwidth without limits', [{ type: 'bandwidth' }]),
  chained('bandwidth with limits, which needs a veth', [{ type: 'bandwidth', ...limits }], { refused: true }),
  chained('portmap', [{ type: 'portmap', runtimeConfig: { portMappings } }]),
  chained('portmap without mappings', [{ type: 'portmap' }]),
];

/** For kernels that have VRFs. */
export const vrfConfigs: readonly PeerConfig[] = [
  chained('vrf', [{ type: 'vrf', vrfname: 'blue' }]),
  chained('vrf with a table, behind one network twice', [{ type: 'vrf', vrfname: 'blue', table: 42 }], twice),
  chained('tuning and vrf', [tuning, { type: 'vrf', vrfname: 'blue' }]),
];
