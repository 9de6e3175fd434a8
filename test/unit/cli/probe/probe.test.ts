import { runCli } from '../../../../src/cli/cli.ts';
import { type ProbeReport, probeReport } from '../../../../src/cli/probe/report.ts';
import { Namespace } from '../../../../src/kernel/namespace.ts';
import { addAddress } from '../../../../src/kernel/rtnl/addresses.ts';
import { problemsIn } from '../../../../src/lib/json-schema.ts';
import type { NetlinkSocket, Platform } from '../../../../src/platform/platform.ts';
import { settingKeys } from '../../../../src/settings/settings.ts';
import { outcomesOfIgb } from '../../../support/igb-outcomes.ts';
import {
  igbvfDriver,
  MemoryNode,
  type MemoryNodeOptions,
  stateDir,
  stubbornDriver,
  vfPci,
} from '../../../support/memory-node.ts';
import { operate } from '../../../support/operate.ts';
import { sourceParts } from '../../../support/source-parts.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/probe');

const EOPNOTSUPP = 95;
const EPROTONOSUPPORT = 93;
const EINVAL = 22;

/** As igb and igbvf of Linux 6.12 (test/lab/e2e/probe.test.ts asks the real ones). */
function igbNode(options: MemoryNodeOptions = {}): MemoryNode {
  const node = new MemoryNode({ driver: igbvfDriver, ...options });
  node.kernel.refuse(/ state \d/, EOPNOTSUPP);
  node.kernel.refuse('proto 88a8', EPROTONOSUPPORT);
  node.kernel.refuse(/ rate [1-9]/, EINVAL, { extack: 'no guarantees here' });
  return node;
}

function probeJson(node: MemoryNode, ...argv: readonly string[]): ProbeReport {
  const { json, stderr } = operate(node.platform, 'probe', ...argv, '--json');
  assert.is(stderr, '');
  assert.equal(problemsIn(probeReport, json), []);
  return json as ProbeReport;
}

function outcomesOf({ pfs }: ProbeReport): readonly string[] {
  return pfs.flatMap(({ settings }) =>
    settings
      .filter(({ way }) => way === null)
      .map(({ key, value, outcome, errno }) => `${key} ${value} ${outcome}${errno === null ? '' : ` ${errno}`}`),
  );
}

test('tells of each setting whether it is taken, and leaves all as it was', () => {
  const node = igbNode();
  node.platform.files.set('/proc/sys/kernel/osrelease', '6.12.95\n');
  const before = node.picture();
  const report = probeJson(node);
  assert.equal(outcomesOf(report), outcomesOfIgb(9000, 'a0:54:00:00:00:03'));
  const [pf] = report.pfs;
  assert.equal([report.kernel, report.dryRun, pf?.driver, pf?.vf?.pci], ['6.12.95', false, 'igb', vfPci(0)]);
  assert.match(pf?.settings.find(({ key }) => key === 'min_tx_rate')?.message ?? '', 'no guarantees here');
  assert.equal(node.picture(), before);
});

test('which order of VF and PF brings a MAC to the netdev', () => {
  const waysOf = (node: MemoryNode): readonly unknown[] =>
    probeJson(node).pfs.flatMap(({ settings }) =>
      settings.filter(({ key }) => key === 'mac').map(({ way, outcome }) => [way, outcome]),
    );
  assert.equal(waysOf(igbNode()), [
    [null, 'taken'],
    ['the VF alone', 'taken'],
    ['the PF alone', 'ignored'],
    ['the PF, then the VF', 'refused'],
    ['the PF, then the VF goes up', 'taken'],
  ]);
  const stubborn = new MemoryNode({ driver: stubbornDriver });
  const before = stubborn.picture();
  assert.equal(waysOf(stubborn), [
    [null, 'refused'],
    ['the VF alone', 'refused'],
    ['the PF alone', 'ignored'],
    ['the PF, then the VF', 'refused'],
    ['the PF, then the VF goes up', 'ignored'],
  ]);
  assert.equal(stubborn.picture(), before);
});

test('what a driver accepts and does not do is ignored', () => {
  const node = new MemoryNode();
  const [vf] = node.vfs;
  Object.defineProperty(vf, 'trust', { enumerable: true, get: () => 0, set: () => undefined });
  const outcomes = outcomesOf(probeJson(node));
  assert.ok(outcomes.includes('trust on ignored'), outcomes.join());
  assert.ok(outcomes.includes('trust off taken'), outcomes.join());
});

test('every key of a config that asks for something of a VF is tried', () => {
  const tried = new Set(probeJson(new MemoryNode()).pfs.flatMap(({ settings }) => settings.map(({ key }) => key)));
  assert.equal([...tried].sort(), Object.keys(settingKeys()).sort());
});

test('one VF of each PF: the first that is free; or the one that is named', () => {
  const node = igbNode({ vfs: 3 });
  node.succeed('ADD');
  assert.equal(
    probeJson(node).pfs.map(({ vf }) => vf?.pci),
    [vfPci(1)],
  );
  assert.equal(
    probeJson(node, '3b:02.2').pfs.map(({ vf }) => vf?.pci),
    [vfPci(2)],
  );
  assert.equal(
    probeJson(node, 'pf0').pfs.map(({ vf }) => vf?.pci),
    [vfPci(1)],
  );
  const unknown = operate(node.platform, 'probe', 'eth9');
  assert.equal([unknown.code, unknown.stdout], [1, '']);
  assert.match(unknown.stderr, 'eth9');
});

const checkpoint = {
  v1: { preparedClaimsByPodUID: { 'pod-uid': { claim: [{ PciAddress: vfPci(0) }] } } },
};
const deviceUsers = {
  Data: { PodDeviceEntries: [{ PodUID: 'pod-uid', ResourceName: 'example.com/vfs', DeviceIDs: { 0: [vfPci(0)] } }] },
};

const uses: Readonly<Record<string, readonly [use: (node: MemoryNode) => void, reason: RegExp]>> = {
  attached: [(node) => node.succeed('ADD'), /is attached/],
  'in a pod without a record': [
    (node) => {
      const link = node.link(0);
      node.edit(() => {
        node.host.links.splice(node.host.links.indexOf(link), 1);
        node.pod.namespace.links.push(link);
      });
    },
    /another namespace holds it/,
  ],
  'up, with an address': [
    (node) => {
      node.link(0).up = true;
      const host = new Namespace(node.platform, node.platform.ownNetns());
      addAddress(host.session, node.link(0).ifindex, '10.0.0.1/24');
      host.close();
    },
    /it has the address 10\.0\.0\.1/,
  ],
  enslaved: [
    (node) => {
      node.link(0).master = node.pf.ifindex;
    },
    /enslaved to the host's pf0/,
  ],
  'prepared for a pod by the DRA driver': [
    (node) =>
      node.writeFile(
        '/var/lib/kubelet/plugins/sriovnetwork.k8snetworkplumbingwg.io/checkpoint.json',
        JSON.stringify(checkpoint),
      ),
    /is prepared for pod pod-uid/,
  ],
  'given to a pod by the kubelet': [
    (node) =>
      node.writeFile('/var/lib/kubelet/device-plugins/kubelet_internal_checkpoint', JSON.stringify(deviceUsers)),
    /is given to pod pod-uid/,
  ],
  locked: [
    (node) => void node.platform.heldLocks.set(`${stateDir}/.locks/vf-${vfPci(0)}`, 'process 1 (ADD)\n'),
    /the lock vf-0000:3b:02\.0 is held/,
  ],
};

for (const [name, [use, reason]] of Object.entries(uses)) {
  test(`refuses a VF that is used: ${name}`, () => {
    const node = igbNode();
    use(node);
    const [before, changes] = [node.picture(), node.changes.length];
    const { code, json } = operate(node.platform, 'probe', vfPci(0), '--json');
    const [pf] = (json as ProbeReport).pfs;
    assert.equal([code, pf?.settings], [1, []]);
    assert.match(pf?.failure ?? '', reason);
    assert.equal([node.picture(), node.changes.length], [before, changes]);
  });
}

test('refuses a VF of vfio-pci', () => {
  const node = igbNode({ userspace: [0] });
  node.platform.links.set(`/sys/bus/pci/devices/${vfPci(0)}/iommu_group`, '../../../kernel/iommu_groups/7');
  for (const each of [vfPci(0), vfPci(1)]) {
    node.platform.links.set(`/sys/kernel/iommu_groups/7/devices/${each}`, `../../../../devices/pci0000:3a/${each}`);
  }
  node.platform.files.set('/sys/bus/pci/drivers/vfio-pci/bind', '');
  const before = node.changes.length;
  const { code, json } = operate(node.platform, 'probe', vfPci(0), '--json');
  const [pf] = (json as ProbeReport).pfs;
  assert.is(code, 1);
  assert.match(pf?.failure ?? '', 'vfio-pci');
  assert.is(node.changes.length, before);
  const looked = probeJson(node, vfPci(1), '--dry-run').pfs[0];
  assert.equal(looked?.vfio, { iommuGroup: null, others: [], driver: true });
  node.platform.links.set(`/sys/bus/pci/devices/${vfPci(1)}/iommu_group`, '../../../kernel/iommu_groups/7');
  assert.equal(probeJson(node, vfPci(1), '--dry-run').pfs[0]?.vfio, {
    iommuGroup: '7',
    others: [vfPci(0)],
    driver: true,
  });
});

test('where process 1 has another network or mount namespace it refuses, but for --here', () => {
  for (const kind of ['mnt', 'net']) {
    const node = igbNode();
    const { links } = node.platform;
    for (const process of ['1', 'self']) links.set(`/proc/${process}/ns/${kind}`, `${kind}:[${process}]`);
    const changes = node.changes.length;
    const { code, stderr } = operate(node.platform, 'probe');
    assert.equal([code, node.changes.length], [1, changes]);
    assert.match(stderr, 'dra-sriov probe --here');
    assert.is(operate(node.platform, 'probe', '--here').code, 0);
  }
});

test('--dry-run changes nothing, and tells what a PF does not report', () => {
  const node = igbNode();
  const [before, changes] = [node.picture(), node.changes.length];
  assert.equal(
    new Set(outcomesOf(probeJson(node, '--dry-run')).map((each) => each.split(' ')[2])),
    new Set(['untried']),
  );
  const blind = new MemoryNode({ blindPf: true });
  const outcomes = outcomesOf(probeJson(blind, '--dry-run'));
  assert.ok(outcomes.includes('vlan 100 unreported') && outcomes.includes('mtu 9000 untried'), outcomes.join());
  assert.equal([node.picture(), node.changes.length], [before, changes]);
});

test('what cannot be put back is an error, and on record for whoever comes next', () => {
  const node = igbNode();
  const before = node.picture();
  node.kernel.refuse('vlan 0', EINVAL);
  const { code, json } = operate(node.platform, 'probe', '--json');
  assert.is(code, 1);
  assert.match((json as ProbeReport).pfs[0]?.failure ?? '', /record is kept/);
  assert.is(node.recordPaths().length, 1);
  node.kernel.allowAll();
  assert.is(operate(node.platform, 'gc').code, 0);
  assert.equal(node.picture(), before);
});

test('a signal ends it when the VF is as it was', () => {
  const node = igbNode();
  const before = node.picture();
  let asked = 0;
  Object.assign(node.platform, { signalCame: () => ++asked > 3 });
  const { code, json } = operate(node.platform, 'probe', '--json');
  const [pf] = (json as ProbeReport).pfs;
  assert.is(code, 1);
  assert.match(pf?.failure ?? '', 'signal');
  assert.equal(
    pf?.settings.map(({ key }) => key),
    ['vlan', 'vlanQoS'],
  );
  assert.equal(node.picture(), before);
});

function nth<T>(all: readonly T[], at: number): T {
  const one = all[at];
  if (one === undefined) throw new Error(`there is no number ${at}`);
  return one;
}

/** Stands for a SIGKILL: after its last change the process does nothing. */
class Killed extends Error {}

const never = (): boolean => false;

/** By its nlmsg_type, which is 2 modulo 4 for RTM_GET*. */
const isChangeOfLinks = (message: Uint8Array): boolean => ((message[4] ?? 0) & 3) !== 2;

function killedAfter(node: MemoryNode, last: number): { readonly platform: Platform; readonly died: () => boolean } {
  let left = last;
  const living = <Args extends unknown[], Result>(
    call: (...args: Args) => Result,
    isChange: (...args: Args) => boolean,
  ) => {
    return (...args: Args): Result => {
      if (left < 0 || (isChange(...args) && --left < 0)) throw new Killed();
      return call(...args);
    };
  };
  const changing: readonly string[] = ['writeFileAtomic', 'unlink', 'rename', 'makeDir', 'writeSystemFile'];
  const openNetlink = (...args: Parameters<Platform['openNetlink']>): NetlinkSocket => {
    const socket = node.platform.openNetlink(...args);
    return {
      netnsCookie: () => socket.netnsCookie(),
      send: living((bytes) => socket.send(bytes), isChangeOfLinks),
      receive: living((timeoutMs: number) => socket.receive(timeoutMs), never),
      close: () => socket.close(),
    };
  };
  const calls = Object.entries(node.platform).map(([name, value]) => [
    name,
    typeof value === 'function' ? living(value, () => changing.includes(name)) : value,
  ]);
  const platform = { ...(Object.fromEntries(calls) as Platform), openNetlink: living(openNetlink, never) };
  return { platform, died: () => left < 0 };
}

test('killed at any change: gc, ADD and probe undo it', () => {
  const recoveries: Readonly<Record<string, (node: MemoryNode) => void>> = {
    gc: (node) => assert.is(operate(node.platform, 'gc').code, 0),
    ADD: (node) => {
      node.succeed('ADD');
      node.succeed('DEL');
    },
    probe: (node) => assert.is(operate(node.platform, 'probe', vfPci(0)).code, 0),
  };
  let kills = 0;
  for (let last = 0; ; last++) {
    const node = igbNode();
    const before = node.picture();
    const { platform, died } = killedAfter(node, last);
    try {
      runCli({ ...platform, argv: ['probe', vfPci(0)] }, sourceParts);
    } catch (thrown) {
      if (!(thrown instanceof Killed)) throw thrown;
    }
    if (!died()) break;
    kills++;
    node.platform.heldLocks.clear();
    const [name, recover] = nth(Object.entries(recoveries), last % 3);
    recover(node);
    assert.equal(node.picture(), before, `killed at change ${last}, then ${name}`);
  }
  assert.ok(kills > 50, `${kills} kills`);
});

test('a table for people, that fits 80 columns', () => {
  const node = igbNode();
  Object.assign(node.platform, { isTerminal: () => true });
  const { code, stdout } = operate(node.platform, 'probe');
  assert.is(code, 0);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours
  const lines = stdout.replaceAll(/\u001b\[\d+m/g, '').split('\n');
  assert.ok(
    lines.every((line) => line.length <= 80),
    stdout,
  );
  assert.ok(
    lines.some((line) => /^ +vlanProto +802\.1ad +ADD +refused +EPROTONOSUPPORT$/.test(line)),
    stdout,
  );
});
