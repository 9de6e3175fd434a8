// Several tests on one node: a boot and its set-up take longer than most of them.
import { assert, type Suite } from '../support/suite.ts';
import type { VirtualFunction } from './lab.ts';
import { type LabNode, type LabNodeOptions, type OpenedNode, openLabNode } from './lab-node.ts';

export type NodeBody = (node: LabNode, vfs: readonly VirtualFunction[]) => Promise<void>;

/**
 * Registers tests that share a node, which boots for the first of them and ends after the last. Each has to leave the
 * node as it found it, by `LabNode.picture`; only the DRA driver's files are removed for it. After a test that fails,
 * the next one gets a fresh node.
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
