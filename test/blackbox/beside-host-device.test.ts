import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Difference } from '../support/differences.ts';
import { hasGo } from '../support/go.ts';
import { asRoot, withNetns } from '../support/netns.ts';
import { peerSupports } from '../support/peers.ts';
import { assert, suite } from '../support/suite.ts';
import { addressConfigs, chainConfigs, type PeerConfig, routeConfigs, vrfConfigs } from './peer-configs.ts';
import { type PeerPods, withPeerPods } from './peer-pods.ts';

const test = suite('beside-host-device');
const root = asRoot(test);

/** An intended difference, with its row in docs/migrating-from-sriov-cni.md, "Beside host-device". */
interface Documented {
  readonly row: string;
  readonly configs: RegExp;
  readonly where: RegExp;
}

const documented: readonly Documented[] = [
  { row: 'Result', configs: /./, where: /^ADD \d\.interfaces\.\d\.(mtu|pciID)$/ },
  { row: 'Result', configs: /^CNI 0/, where: /^ADD 1\.dns$/ },
  { row: 'Result', configs: /^dns of IPAM$/, where: /^ADD 1\.dns/ },
  { row: '`mtu` and `advmss` of a route', configs: /mtu and advmss/, where: /^v[46]\.routes\.\d+\.metrics$/ },
  { row: 'The same route twice in one result', configs: /listed twice/, where: /^ADD 1$/ },
  { row: 'Host bits in an IPv4 destination', configs: /^v4: host bits/, where: /^ADD 1$/ },
  { row: 'IPv4 `scope` 253 or more', configs: /^v4: link scope$/, where: /^ADD 1$/ },
  { row: 'A gateway of `::`', configs: /^v6: .*zero gateway/, where: /^ADD 1$/ },
  { row: 'An IPv4 gateway that only', configs: /route of global scope to its gateway/, where: /^ADD 1$/ },
  {
    row: 'CHECK',
    configs: /: table |^v4: .*zero gateway|^v6: two gateways|host bits|^\/32|sbr|vrf/,
    where: /^CHECK \d$/,
  },
];

const seen = new Set<Documented>();

function isDocumented({ name }: PeerConfig, { where }: Difference): boolean {
  const found = documented.filter((each) => each.configs.test(name) && each.where.test(where));
  for (const each of found) seen.add(each);
  return found.length > 0;
}

/** Lines for a person to read; none if all is as it has to be. */
function faultsOf(pods: PeerPods, config: PeerConfig): string[] {
  const { attached, differences } = pods.compare(config.network, config.attachments);
  const meant = differences.filter((each) => !isDocumented(config, each));
  const refusedByBoth = !attached && !differences.some(({ where }) => /^ADD \d$/.test(where));
  const unexpected = refusedByBoth === (config.refused ?? false) ? [] : [`${config.name}: refused: ${refusedByBoth}`];
  const show = (value: unknown): string => JSON.stringify(value)?.slice(0, 200) ?? 'nothing';
  return [
    ...unexpected,
    ...meant.map((each) => `${config.name}: ${each.where}: ${show(each.ours)}; ${show(each.theirs)}`),
  ];
}

function hasVrf(): boolean {
  return withNetns((netns) => {
    try {
      netns.run('ip', 'link', 'add', 'blue', 'type', 'vrf', 'table', '1');
      return true;
    } catch {
      return false;
    }
  });
}

interface Group {
  readonly name: string;
  readonly configs: readonly PeerConfig[];
  /** Why the config can't be run here. */
  readonly obstacle?: () => string | null;
}

const ofFamily = (family: string): readonly PeerConfig[] => routeConfigs.filter(({ name }) => name.startsWith(family));

const groups: readonly Group[] = [
  { name: 'IPv4 routes: pod and result are those of host-device', configs: ofFamily('v4') },
  { name: 'IPv6 routes: pod and result are those of host-device', configs: ofFamily('v6') },
  { name: 'addresses, IPAM plugins, versions: pod and result are those of host-device', configs: addressConfigs },
  {
    name: 'tuning, sbr, bandwidth, portmap behind: as behind host-device, also a network twice',
    configs: chainConfigs,
  },
  {
    name: 'vrf behind: as behind host-device, also a network twice',
    configs: vrfConfigs,
    obstacle: () => (process.getuid?.() !== 0 || hasVrf() ? null : 'this kernel has no VRFs'),
  },
];

/** Registers a test that needs the version of host-device that is compared with. */
function besideHostDevice(name: string, body: () => void, obstacle: Group['obstacle']): void {
  const reason = peerSupports('host-device', '1.1.0') ? (obstacle?.() ?? null) : 'host-device here speaks no CNI 1.1.0';
  if (reason === null) root(name, body);
  else test.skip(name, reason, { allowedInCi: obstacle !== undefined || !hasGo() });
}

for (const { name, configs, obstacle } of groups) {
  const compare = (pods: PeerPods): void => {
    assert.equal(
      configs.flatMap((config) => faultsOf(pods, config)),
      [],
    );
  };
  besideHostDevice(name, () => withPeerPods(compare), obstacle);
}

besideHostDevice(
  'each documented difference is one, and is documented',
  () => {
    const path = join(import.meta.dirname, '../../docs/migrating-from-sriov-cni.md');
    const [, section = ''] = readFileSync(path, 'utf8').split('## Beside host-device');
    const rows = section.split('\n').filter((line) => line.startsWith('| '));
    for (const each of documented) {
      assert.ok(seen.has(each), `${each.row}, ${each.where}: no config shows it`);
      assert.ok(
        rows.some((row) => row.startsWith(`| ${each.row}`)),
        `${each.row} is not in the table`,
      );
    }
  },
  undefined,
);
