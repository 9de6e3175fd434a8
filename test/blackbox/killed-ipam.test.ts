import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { asRoot, withNetns } from '../support/netns.ts';
import { peerDir } from '../support/peers.ts';
import { type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { assert, suite } from '../support/suite.ts';
import { FakeIpam } from './fake-ipam.ts';

const test = suite('killed-ipam');
const root = asRoot(test);

/** host-local whose ADD tells when it has begun, and goes on half a second after `letGo`. */
function slowIpam(node: StandInNode): FakeIpam {
  const hostLocal = `'${join(peerDir(), 'host-local')}' < '${join(node.directory, 'ipam-stdin')}'`;
  const untilLetGo = `until [ -e '${begun(node)}.go' ]; do sleep 0.05; done`;
  return new FakeIpam(node, {
    ADD: `touch '${begun(node)}'\n${untilLetGo}\nsleep 0.5\n${hostLocal}\ntouch '${begun(node)}.done'`,
    DEL: hostLocal,
  });
}

const begun = (node: StandInNode): string => join(node.directory, 'ipam-begun');

const letGo = (node: StandInNode): void => writeFileSync(`${begun(node)}.go`, '');

async function until(what: string, isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 60_000;
  while (!isTrue()) {
    if (performance.now() > deadline) throw new Error(`not within a minute: ${what}`);
    await pause(5);
  }
}

/** Starts an ADD and kills it, and it alone, while its IPAM plugin runs. */
async function killAddDuringIpam(
  node: StandInNode,
  conf: unknown,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const child = node.spawn('ADD', conf, { env });
  child.stdout.resume();
  child.stderr.resume();
  await until('the IPAM plugin runs', () => existsSync(begun(node)));
  child.kill('SIGKILL');
  await once(child, 'exit');
  letGo(node);
}

for (const next of ['DEL', 'ADD of another pod'] as const) {
  root(`ADD is killed while IPAM is about to allocate, then ${next}: the address is not lost`, async () => {
    await withStandInNode({ built: true }, async (node) => {
      const slow = slowIpam(node);
      const conf = node.conf({ deviceID: node.vfPcis[0], ipam: node.ipam('10.0.2.0/24', { type: slow.type }) });
      const before = node.picture();
      await killAddDuringIpam(node, conf, slow.env);
      if (next === 'DEL') {
        node.succeed('DEL', conf, { env: slow.env });
      } else {
        withNetns((other) => {
          const call = { containerId: 'c2', netns: other.path, env: slow.env };
          node.succeed('ADD', conf, call);
          assert.is(node.leases().length, 1);
          node.succeed('DEL', conf, call);
        });
      }
      await until('the IPAM plugin has ended', () => existsSync(`${begun(node)}.done`));
      assert.equal(node.picture(), before);
    });
  });
}
