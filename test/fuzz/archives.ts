// Archives of sysdump that were damaged, or made by somebody else: a command says what is wrong with one, or works with
// what is in it.

import { formatTar, readTar } from '../../src/cli/sysdump/tar.ts';
import { isBug } from '../../src/cni/errors.ts';
import { MemoryNode } from '../support/memory-node.ts';
import { createMemoryPlatform } from '../support/memory-platform.ts';
import { operate } from '../support/operate.ts';
import { spoiltBytes, spoiltJson } from './hostile-values.ts';
import { type Target, target } from './target.ts';

function packNode(): Buffer {
  const node = new MemoryNode();
  node.succeed('ADD', node.conf({ ipam: node.ipam() }));
  return Buffer.from(operate(node.platform, 'sysdump', '--output', '-').stdout);
}

const archive = packNode();
const members = readTar(archive, 1000).map(({ name, bytes }) => [name, bytes.toString('utf8')] as const);
const main: unknown = JSON.parse(members.find(([name]) => name === 'node.json')?.[1] ?? '');

const repack = (json: unknown): Buffer =>
  Buffer.from(
    formatTar(
      members.map(([name, text]) => [name, name === 'node.json' ? JSON.stringify(json) : text]),
      0,
    ),
  );

function feed(bytes: Buffer): string {
  const platform = Object.assign(createMemoryPlatform({}), { readFile: () => bytes });
  const codes = ['inspect', 'doctor', 'attachments'].map((command) => {
    try {
      return operate(platform, command, '--from', 'x').code;
    } catch (thrown) {
      // A refusal, which runTool prints, is a good answer.
      if (isBug(thrown)) throw thrown;
      return 1;
    }
  });
  return codes.join('');
}

export const archives: readonly Target[] = [
  target('sysdump: bytes', spoiltBytes(archive), feed, 0.2),
  target('sysdump: answers', spoiltJson(main), (json) => feed(repack(json)), 0.2),
];
