// What `ip -j` shows of a namespace.
import type { TestNetns } from '../support/netns.ts';

export interface IpLink {
  readonly ifname: string;
  readonly ifindex: number;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
}

export interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly metric?: number;
  readonly scope?: string;
  readonly table?: string;
  readonly protocol?: string;
  readonly metrics?: readonly { readonly mtu?: number; readonly advmss?: number }[];
}

export function linkOf(netns: TestNetns, ifname: string): IpLink {
  const [link] = netns.ip('link', 'show', ifname) as [IpLink];
  return link;
}

/** Names of all interfaces, `lo` included. */
export function linkNames(netns: TestNetns): string[] {
  return (netns.ip('link', 'show') as IpLink[]).map((link) => link.ifname);
}

/** Addresses of global scope with their prefix lengths, in the kernel's order. */
export function addressesOf(netns: TestNetns, ifname: string): string[] {
  const [link] = netns.ip('addr', 'show', 'dev', ifname) as [
    { addr_info: { local: string; prefixlen: number; scope: string }[] },
  ];
  return link.addr_info.filter((info) => info.scope === 'global').map((info) => `${info.local}/${info.prefixlen}`);
}

/** Routes of an interface in a table, without those that come with addresses. */
export function routesOf(netns: TestNetns, ifname: string, family: '-4' | '-6', table = 'main'): IpRoute[] {
  const routes = netns.ip(family, 'route', 'show', 'dev', ifname, 'table', table) as IpRoute[] | null;
  return (routes ?? []).filter((route) => route.protocol !== 'kernel');
}

/** `dst via gateway` of those. */
export function routeTexts(netns: TestNetns, ifname: string, family: '-4' | '-6'): string[] {
  return routesOf(netns, ifname, family)
    .map(({ dst, gateway }) => (gateway === undefined ? dst : `${dst} via ${gateway}`))
    .sort();
}
