// Several tests on one node: a boot and its set-up take longer than most of them.
import { assert, type Suite } from '../support/suite.ts';
import type { VirtualFunction } from './lab.ts';
import { type LabNode, type LabNodeOptions, type OpenedNode, openLabNode } from './lab-node.ts';

export type NodeBody = (node: LabNode, vfs: readonly VirtualFunction[]) => Promise<void>;

/**
 * Registers tests that share a node, booted for the first of them and gone after the last. Each has to leave the node
 * as it found it, which is looked at from outside (`LabNode.picture`); only the DRA driver's files are removed for it.
 * After one that fails the next gets a fresh node.
 */
export function onSharedNode(test: Suite, options: LabNodeOptions): (name: string, body: NodeBody) => void {
  let waiting = 0;
  let opened: OpenedNode | null = null;
  const close = async (): Promise<void> => {
    const closing = opened;
    opened = null;
    await closing?.node.lab.shutdown();
  };
  const run = async (body: NodeBody): Promise<void> => {
    opened ??= await openLabNode(options);
    const { node, vfs } = opened;
    const before = await node.picture();
    await body(node, vfs);
    assert.equal(await node.picture(), before, 'the node is as before');
    await node.removeClaims();
  };
  return (name, body) => {
    waiting++;
    test(name, async () => {
      waiting--;
      try {
        await run(body);
      } catch (thrown) {
        await close();
        throw thrown;
      } finally {
        if (waiting === 0) await close();
      }
    });
  };
}
