import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { hasGo } from '../../support/go.ts';
import { peer } from '../../support/peers.ts';
import { assert, suite } from '../../support/suite.ts';
import type { BackgroundCommand } from '../command.ts';
import type { VirtualFunction } from '../lab.ts';
import { type LabNode, nth } from '../lab-node.ts';
import { reportToStderr } from '../progress.ts';
import { provideDhcpServer } from '../setup/dhcp-server.ts';
import { onSharedNode } from '../shared-node.ts';

const test = suite('lab/dhcp');

const serverAddress = '10.9.0.1';
/** The server's interface, across the wire from the VFs. */
const serverIfname = 'ens2f0';
const files = { conf: '/tmp/dhcpd.conf', leases: '/tmp/dhcpd.leases', socket: '/run/cni/dhcp.sock' };
const ipam = { type: 'dhcp', daemonSocketPath: files.socket };

const dhcp = peer('dhcp');
const onNode = onSharedNode(test, { vfs: [7] });

type Body = (node: LabNode, vfs: readonly VirtualFunction[], stopServer: () => Promise<string>) => Promise<void>;

/** A test with a DHCP server on the wire, which ends with it. `stopServer` returns what the server has logged. */
function onDhcpNode(name: string, body: Body): void {
  if (process.env['LAB'] === 'hardware' || dhcp === null) {
    const why = dhcp === null ? 'there is no dhcp plugin on this machine' : 'no DHCP server is put on a real network';
    test.skip(name, why, { allowedInCi: !hasGo() });
    return;
  }
  onNode(name, async (node, vfs) => {
    copyFileSync(dhcp, join(node.lab.share.host, 'dhcp'));
    await node.sh(`cp ${node.lab.share.guest}/dhcp ${node.pluginDir}/; mkdir -p /run/cni`);
    const server = await startServer(node);
    let log: string | null = null;
    const stopServer = async (): Promise<string> => {
      log ??= (await server.stop()).stderr;
      return log;
    };
    try {
      await body(node, vfs, stopServer);
    } finally {
      await stopServer();
      await node.sh(`ip addr del ${serverAddress}/24 dev ${serverIfname}; rm -f ${Object.values(files).join(' ')}`);
    }
  });
}

async function startServer(node: LabNode): Promise<BackgroundCommand> {
  const program = await provideDhcpServer(reportToStderr);
  const conf = `
    authoritative;
    ping-check off;
    default-lease-time 3600;
    subnet 10.9.0.0 netmask 255.255.255.0 {
      range 10.9.0.10 10.9.0.99;
      option routers ${serverAddress};
    }`;
  await node.writeFile(files.conf, conf);
  await node.sh(`ip addr add ${serverAddress}/24 dev ${serverIfname}; : > ${files.leases}`);
  const options = ['-f', '-d', '--no-pid', '-cf', files.conf, '-lf', files.leases];
  return node.lab.start([program, '-4', ...options, serverIfname]);
}

/** containernetworking's daemon, of which `dhcp` is the client. */
async function startDaemon(node: LabNode): Promise<BackgroundCommand> {
  const daemon = await node.lab.start([`${node.pluginDir}/dhcp`, 'daemon', '-socketpath', files.socket]);
  await node.sh(`until [ -S ${files.socket} ]; do sleep 0.05; done`);
  return daemon;
}

/** Lets the daemon run for a third of the time. */
function slowDown(node: LabNode, { pid }: BackgroundCommand): Promise<BackgroundCommand> {
  const loop = `while kill -STOP ${pid}; do sleep 0.1; kill -CONT ${pid}; sleep 0.05; done`;
  return node.lab.start(['/bin/sh', '-c', loop]);
}

interface Lease {
  readonly address: string;
  readonly mac: string;
}

/** What the server logged of messages of a kind. */
function logged(log: string, pattern: RegExp): readonly Lease[] {
  return [...log.matchAll(pattern)].map(([, address = '', mac = '']) => ({ address, mac }));
}

async function attach(node: LabNode, vf: VirtualFunction, pod: string, mac: string): Promise<Lease> {
  await node.addPod(pod);
  const conf = node.conf({ deviceID: vf.pciAddress, mac, ipam });
  const { ips } = await node.attach(conf, { pod });
  const address = await node.address(pod);
  assert.is(ips?.[0]?.address, `${address}/24`);
  return { address, mac };
}

async function detach(node: LabNode, vf: VirtualFunction, pod: string): Promise<void> {
  await node.succeed('DEL', node.conf({ deviceID: vf.pciAddress, ipam }), { pod });
  await node.removePod(pod);
}

onDhcpNode(
  '20 leases, and as many RELEASEs that the server sees, by a daemon that is slowed down',
  async (node, vfs, stopServer) => {
    const leaseCount = 20;
    const daemon = await startDaemon(node);
    const brake = await slowDown(node, daemon);
    const leases: Lease[] = [];
    try {
      while (leases.length < leaseCount) {
        const round = vfs.slice(0, leaseCount - leases.length).map((vf, at) => ({ vf, number: leases.length + at }));
        for (const { vf, number } of round) {
          leases.push(await attach(node, vf, `dhcp${number}`, `02:00:00:00:01:${number + 10}`));
        }
        assert.ok(await node.reaches(`dhcp${leases.length - 1}`, serverAddress), 'the last one reaches the server');
        for (const { vf, number } of round) await detach(node, vf, `dhcp${number}`);
      }
    } finally {
      await brake.stop('KILL');
      await node.sh(`kill -CONT ${daemon.pid}`);
      await daemon.stop();
    }
    const log = await stopServer();
    assert.is(new Set(leases.map(({ address }) => address)).size, leaseCount, 'as many addresses');
    const acknowledged = new Set(logged(log, /DHCPACK on (\S+) to (\S+)/g).map(({ address }) => address));
    assert.equal(
      [...acknowledged],
      leases.map(({ address }) => address),
    );
    assert.equal(logged(log, /DHCPRELEASE of (\S+) from (\S+) via \S+ \(found\)/g), leases);
  },
);

onDhcpNode(
  'no daemon: ADD fails and leaves nothing; a pod that is gone before its DEL ends as well',
  async (node, vfs) => {
    const conf = node.conf({ deviceID: nth(vfs, 0).pciAddress, ipam });
    const before = await node.picture();
    assert.match((await node.fail('ADD', conf)).msg, 'error dialing DHCP daemon');
    assert.equal(await node.picture(), before);
    await node.succeed('DEL', conf);
    const daemon = await startDaemon(node);
    await node.succeed('ADD', conf);
    await node.removePod('pod1');
    await node.succeed('DEL', conf, { containerId: 'pod1', pod: '' });
    await daemon.stop();
    await node.addPod('pod1');
    assert.equal(await node.picture(), before);
  },
);
