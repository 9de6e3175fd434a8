import { join } from 'node:path';
import { withNetns } from '../support/netns.ts';
import { peerDir } from '../support/peers.ts';
import { builtExecutable, withStandInNode } from '../support/stand-in-node.ts';
import { Site } from './site.ts';

const tenant = [
  'ip link set net1 promisc on allmulticast on multicast off alias mine txqueuelen 77 group 5',
  'ip link add mv0 link net1 type macvlan',
].map((command) => command.split(' '));

/** A site with stand-ins: the VF is up, has an altname that is in the way, and carrier, for its neighbour is up. */
export function withStandInSite<T>(body: (site: Site) => T): T {
  return withStandInNode({ built: true }, (node) =>
    withNetns((other) => {
      node.host.addAltnames('vf0', 'net1', 'a-longer-name-than-15');
      for (const name of ['vf0', 'vf1']) node.host.run('ip', 'link', 'set', name, 'up');
      const range = { rangeStart: '10.0.2.7', rangeEnd: '10.0.2.7', routes: [{ dst: '10.9.0.0/16' }] };
      return body(
        new Site({
          onHost: ['ip', 'netns', 'exec', node.host.name],
          executable: builtExecutable,
          environment: node.environment,
          pluginDirs: peerDir(),
          conf: node.conf({
            deviceID: node.vfPcis[0],
            mac: '02:00:00:00:00:01',
            mtu: 1400,
            ipam: node.ipam('10.0.2.0/24', range),
          }),
          pods: [node.pod.path, other.path],
          stateDir: join(node.directory, 'state'),
          ipamDir: join(node.directory, 'ipam'),
          log: join(node.directory, 'strace.log'),
          tenant,
        }),
      );
    }),
  );
}
