import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { assert, suite } from '../support/suite.ts';
import { type CommandResult, must } from './command.ts';
import { bootLab } from './emulated-lab.ts';
import type { Lab, VirtualFunction } from './lab.ts';
import { findLeftovers } from './leftovers.ts';

interface VfRecord {
  readonly vf: number;
  readonly vlan_list?: readonly { readonly vlan?: number; readonly qos?: number }[];
}

interface Link {
  readonly ifname: string;
  readonly address: string;
  readonly vfinfo_list?: readonly VfRecord[];
}

const ipv4 = 0x0800;

const test = suite('lab');

async function withLab(options: Parameters<typeof bootLab>[0], body: (lab: Lab) => Promise<void>): Promise<void> {
  const begin = performance.now();
  const lab = await bootLab(options);
  process.stdout.write(`lab ready after ${(performance.now() - begin).toFixed(0)} ms\n`);
  try {
    await body(lab);
  } finally {
    await lab.shutdown();
  }
}

async function links(lab: Lab): Promise<readonly Link[]> {
  return JSON.parse(await must(lab, ['ip', '-d', '-j', 'link', 'show']));
}

async function vfRecords(lab: Lab, pf: string): Promise<readonly VfRecord[]> {
  return (await links(lab)).find(({ ifname }) => ifname === pf)?.vfinfo_list ?? [];
}

function vfOf(vfs: readonly VirtualFunction[], index: number): VirtualFunction {
  const vf = vfs[index];
  if (vf === undefined) throw new Error(`no VF ${index}`);
  return vf;
}

/** Puts a VF into a namespace of its own, with an address, up and with carrier. */
async function attach(lab: Lab, vf: VirtualFunction, netns: string, address: string): Promise<void> {
  await must(
    lab,
    `set -e
    ip netns add ${netns}
    ip link set ${vf.netdev} netns ${netns} name net1
    ip -n ${netns} address add ${address} dev net1
    ip -n ${netns} link set net1 up
    until ip -n ${netns} link show net1 | grep -q LOWER_UP; do sleep 0.02; done`,
  );
}

async function pings(lab: Lab, netns: string, address: string): Promise<boolean> {
  return (await lab.run(['ip', 'netns', 'exec', netns, 'ping', '-c', '1', '-W', '2', address])).status === 0;
}

/** A VF whose PF changes its settings is reset, and has its link again seconds later. */
async function answers(lab: Lab, netns: string, address: string): Promise<void> {
  const script = 'until ping -c 1 -W 1 "$0" >/dev/null; do :; done';
  await must(lab, ['ip', 'netns', 'exec', netns, 'timeout', '60', 'sh', '-c', script, address], { timeoutMs: 90_000 });
}

test('commands get their input, environment and folder, and give back output and status', async () => {
  await withLab({}, async (lab) => {
    const spoken = await lab.run(['sh', '-c', `pwd; echo "$WORD"; cat; echo "it's" >&2; exit 3`], {
      cwd: '/tmp',
      env: { WORD: 'a  b\n$c' },
      stdin: 'ähem\n',
    });
    assert.is(spoken.stdout, '/tmp\na  b\n$c\nähem\n');
    assert.is(spoken.stderr, "it's\n");
    assert.is(spoken.status, 3);
    assert.is((await lab.run(['no-such-program'])).status, 127);

    const bytes = Buffer.alloc(3_000_000, Buffer.from(Array.from({ length: 256 }, (_, index) => index)));
    assert.ok((await lab.run(['cat'], { stdin: bytes })).stdoutBytes.equals(bytes));

    const together = await Promise.all(['1', '2', '3'].map((word) => lab.run(['echo', word])));
    assert.equal(
      together.map(({ stdout }) => stdout),
      ['1\n', '2\n', '3\n'],
    );
  });
});

test('a command that hangs is ended, one that leaves a child behind is not waited for', async () => {
  await withLab({}, async (lab) => {
    const hanging = lab.run(['sleep', '1000'], { timeoutMs: 500 });
    await hanging.then(
      () => assert.unreachable('a hanging command has to time out'),
      (error) => assert.match(String(error), '500 ms'),
    );
    assert.is((await lab.run(['pidof', 'sleep'])).stdout, '');
    assert.is((await lab.sh('sleep 1000 & echo left')).stdout, 'left\n');

    const background = await lab.start(['sh', '-c', 'echo begun; touch /tmp/begun; sleep 1000']);
    await must(lab, 'until [ -e /tmp/begun ]; do sleep 0.02; done');
    const ended = await background.stop();
    assert.is(ended.stdout, 'begun\n');
    assert.is.not(ended.status, 0);
    const short = await lab.start(['sh', '-c', 'echo said >&2; exit 7']);
    assert.is((await short.wait()).status, 7);
  });
});

test('14 VFs on two PFs; they move into namespaces and back, talk, and a VLAN set through the PF separates them', async () => {
  await withLab({}, async (lab) => {
    const [first = '', second = ''] = lab.pfs.map(({ name }) => name);
    const here = await lab.createVfs(first, 7);
    const there = await lab.createVfs(second, 7);
    const drivers = await must(lab, 'readlink /sys/class/net/*/device/driver');
    assert.is(drivers.match(/\/igbvf$/gm)?.length, 14);
    assert.is(new Set([...here, ...there].map(({ mac }) => mac)).size, 14);

    const [a, b, c] = [vfOf(here, 0), vfOf(here, 1), vfOf(there, 0)];
    await attach(lab, a, 'a', '10.9.0.1/24');
    await attach(lab, b, 'b', '10.9.0.2/24');
    await attach(lab, c, 'c', '10.9.0.3/24');
    await answers(lab, 'a', '10.9.0.2');
    await answers(lab, 'a', '10.9.0.3');

    await must(lab, ['ip', 'link', 'set', first, 'vf', '0', 'vlan', '100', 'qos', '3']);
    assert.equal((await vfRecords(lab, first))[0]?.vlan_list, [{ vlan: 100, qos: 3 }]);
    assert.not(await pings(lab, 'a', '10.9.0.2'), 'VLAN 100 to none');
    await must(lab, ['ip', 'link', 'set', first, 'vf', '1', 'vlan', '100']);
    await must(lab, ['ip', 'link', 'set', second, 'vf', '0', 'vlan', '100']);
    await answers(lab, 'a', '10.9.0.2');

    const capture = await lab.capture(first);
    await answers(lab, 'a', '10.9.0.3');
    const sent = (await capture.stop()).filter(({ source, etherType }) => source === a.mac && etherType === ipv4);
    assert.ok(sent.length > 0, 'the wire was recorded');
    for (const frame of sent) assert.equal(frame.vlan, { id: 100, priority: 3 });

    await must(lab, ['ip', '-n', 'a', 'link', 'set', 'net1', 'netns', '1', 'name', a.netdev]);
    const back = (await links(lab)).find(({ ifname }) => ifname === a.netdev);
    assert.is(back?.address, a.mac);
  });
});

test('a reboot forgets everything but the share', async () => {
  await withLab({}, async (lab) => {
    const bootId = ['cat', '/proc/sys/kernel/random/boot_id'];
    const before = await must(lab, bootId);
    await lab.createVfs('ens1f0', 1);
    await must(lab, 'echo kept >/share/file; echo lost >/var/lib/file');
    await lab.reboot();
    assert.is.not(await must(lab, bootId), before);
    assert.is(await must(lab, ['cat', '/share/file']), 'kept\n');
    assert.is(readFileSync(join(lab.share.host, 'file'), 'utf8'), 'kept\n');
    assert.is.not((await lab.run(['cat', '/var/lib/file'])).status, 0);
    assert.is((await vfRecords(lab, 'ens1f0')).length, 0);
  });
});

test('with an IOMMU a VF can be bound to vfio-pci', async () => {
  await withLab({ iommu: true }, async (lab) => {
    const [vf] = await lab.createVfs('ens1f0', 1);
    await must(
      lab,
      `set -e
      cd /sys/bus/pci/devices/${vf?.pciAddress}
      echo vfio-pci >driver_override
      echo ${vf?.pciAddress} >driver/unbind
      echo ${vf?.pciAddress} >/sys/bus/pci/drivers_probe
      test -e /dev/vfio/$(basename $(readlink iommu_group))
      test ! -e net`,
    );
  });
});

test('a cold boot gives the same node', async () => {
  await withLab({ fresh: true }, async (lab) => {
    assert.equal(
      (await links(lab)).map(({ ifname }) => ifname),
      ['lo', 'ens1f0', 'ens2f0'],
    );
  });
});

/** Runs TypeScript in the guest, as on a machine with real cards. */
function runAsHardware(lab: Lab, pf: string, body: string): Promise<CommandResult> {
  const module = join(import.meta.dirname, 'open-lab.ts');
  const script = `const { openLab } = await import('${module}'); const lab = await openLab(); ${body}; await lab.shutdown();`;
  const argv = [process.execPath, '--input-type=module', '--eval', script];
  return lab.run(argv, { env: { LAB: 'hardware', PF: pf }, timeoutMs: 5 * 60_000 });
}

test('hardware is taken only when nobody uses it, and given back', async () => {
  await withLab({}, async (lab) => {
    const before = await must(lab, ['ip', '-j', 'link']);
    const used = await runAsHardware(
      lab,
      'ens1f0',
      `const [vf] = await lab.createVfs('ens1f0', 2); process.stdout.write(vf.pciAddress)`,
    );
    assert.is(used.stdout, '0000:01:10.0', used.stderr);
    assert.is(await must(lab, ['ip', '-j', 'link']), before);

    assert.match((await runAsHardware(lab, '', '')).stderr, 'PF=');
    assert.match((await runAsHardware(lab, 'lo', '')).stderr, 'SR-IOV');
    await must(lab, ['ip', 'route', 'add', 'default', 'dev', 'ens1f0']);
    assert.match((await runAsHardware(lab, 'ens1f0', '')).stderr, 'default route');
    await must(lab, ['ip', 'address', 'add', '10.9.0.9/24', 'dev', 'ens2f0']);
    assert.match((await runAsHardware(lab, 'ens2f0', '')).stderr, '10.9.0.9');
  });
});

test('shutdown leaves no process, socket or folder', async () => {
  await withLab({}, async () => assert.ok(findLeftovers(process.pid).length > 0));
  assert.equal(findLeftovers(process.pid), []);
});

async function holdLab(): Promise<ChildProcess & { readonly pid: number }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'hold-lab.ts')], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  assert.ok(findLeftovers(child.pid ?? 0).length > 0);
  return Object.assign(child, { pid: child.pid ?? 0 });
}

/** The end of a killed QEMU takes a moment. */
async function expectNothingLeft(pid: number, kind = ''): Promise<void> {
  for (const end = performance.now() + 60_000; ; await delay(50)) {
    const left = findLeftovers(pid).filter((what) => what.startsWith(kind));
    if (left.length === 0) return;
    assert.ok(performance.now() < end, left.join(', '));
  }
}

test('a signal leaves nothing; after SIGKILL QEMU is gone, and the next lab removes the folder', async () => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const child = await holdLab();
    child.kill(signal);
    assert.equal(await once(child, 'exit'), [null, signal]);
    await expectNothingLeft(child.pid);
  }
  const child = await holdLab();
  child.kill('SIGKILL');
  await once(child, 'exit');
  await expectNothingLeft(child.pid, 'process');
  await withLab({}, async () => assert.equal(findLeftovers(child.pid), []));
});
