import { Namespace } from '../../../src/kernel/namespace.ts';
import type { NetlinkSession } from '../../../src/kernel/netlink/session.ts';
import { getLink, type Link } from '../../../src/kernel/rtnl/links.ts';
import type { Netns } from '../../../src/platform/platform.ts';
import { type TestNetns, withNetns } from '../../support/netns.ts';
import { createNodePlatform } from '../../support/node-platform.ts';

export const platform = createNodePlatform({});

/** A throwaway namespace with what this program opens in it. */
export interface Side extends TestNetns {
  readonly netns: Netns;
  readonly namespace: Namespace;
  readonly session: NetlinkSession;
  /** The link as this program reads it; throws where there is none. */
  link(name: string): Link;
}

function withSide<T>(body: (side: Side) => T): T {
  return withNetns((test) => {
    const netns = platform.openNetns(test.path);
    if (netns === null) throw new Error(`${test.path} is absent`);
    const namespace = new Namespace(platform, netns);
    const { session } = namespace;
    const link = (name: string): Link => {
      const found = getLink(session, { name });
      if (found === null) throw new Error(`no link ${name} in ${test.name}`);
      return found;
    };
    try {
      return body({ ...test, netns, namespace, session, link });
    } finally {
      namespace.close();
      netns.close();
    }
  });
}

/** Two namespaces; in the first, `vf0` (a veth) and the other end of its cable, `wire0`. */
export function withHostAndPod(body: (host: Side, pod: Side) => void): void {
  withSide((host) =>
    withSide((pod) => {
      host.ip('link', 'add', 'vf0', 'type', 'veth', 'peer', 'name', 'wire0');
      body(host, pod);
    }),
  );
}

/** The parts of `ip -j -d link show` that the tests look at. */
export interface ShownLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly operstate: string;
  readonly address: string;
  readonly altnames?: readonly string[];
  readonly min_mtu: number;
  readonly max_mtu: number;
}

/** What `ip` says of the links of a namespace, `lo` left out. */
export function shownLinks(side: TestNetns): readonly ShownLink[] {
  return (side.ip('link', 'show') as readonly ShownLink[]).filter((link) => link.ifname !== 'lo');
}

/** What `ip` says of one link. Throws where there is none. */
export function shownLink(side: TestNetns, name: string): ShownLink {
  const [link] = side.ip('link', 'show', 'dev', name) as readonly ShownLink[];
  if (link === undefined) throw new Error(`ip shows no link ${name} in ${side.name}`);
  return link;
}
