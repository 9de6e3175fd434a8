// What a power cut may leave of the state directory, at each change of an ADD with an address, and what comes of that
// after the boot. A file has its content if that was synced, and its name if the directory was. A name without the
// content is an empty file, as XFS leaves it, and ext4 without auto_da_alloc.
import type { WriteOptions } from '../../../src/platform/platform.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { assert, suite } from '../../support/suite.ts';

const test = suite('commands/power-cut');

const ipam = { type: 'host-local' };

/** What may be at a path after a power cut, oldest first; null where nothing is. */
type Outcomes = ReadonlyMap<string, readonly (string | null)[]>;

interface Moment {
  readonly disk: Outcomes;
  readonly leases: ReadonlyMap<string, string>;
}

function outcomesOfWrite(
  before: readonly (string | null)[],
  content: string,
  durable: WriteOptions['durable'],
): readonly (string | null)[] {
  if (durable === true) return [content];
  return durable === 'content' ? [...before, content] : [...before, content, ''];
}

/** Runs an ADD, and returns what the disk may hold after each change of a record or a lease. */
function momentsOf(node: MemoryNode, conf: unknown): readonly Moment[] {
  const disk = new Map<string, readonly (string | null)[]>();
  const moments: Moment[] = [];
  const note = (path: string, outcomes: readonly (string | null)[]): void => {
    disk.set(path, [...new Set(outcomes)]);
    moments.push({ disk: new Map(disk), leases: new Map(node.leases) });
  };
  const { writeFileAtomic, unlink } = node.platform;
  Object.assign(node.platform, {
    writeFileAtomic(path: string, content: string, options: WriteOptions) {
      writeFileAtomic(path, content, options);
      note(path, outcomesOfWrite(disk.get(path) ?? [null], content, options.durable));
    },
    unlink(path: string) {
      const was = unlink(path);
      note(path, [...(disk.get(path) ?? [null]), null]);
      return was;
    },
  });
  node.succeed('ADD', conf);
  moments.push({ disk: new Map(disk), leases: new Map(node.leases) });
  return moments;
}

/** Every disk that a moment may leave. */
function* disksAfter({ disk }: Moment): Generator<ReadonlyMap<string, string>> {
  const paths = [...disk];
  const count = paths.reduce((product, [, outcomes]) => product * outcomes.length, 1);
  for (let at = 0; at < count; at++) {
    let rest = at;
    const files = new Map<string, string>();
    for (const [path, outcomes] of paths) {
      const content = outcomes[rest % outcomes.length] ?? null;
      rest = Math.floor(rest / outcomes.length);
      if (content !== null) files.set(path, content);
    }
    yield files;
  }
}

/** The node after a boot: VFs and namespaces are new, and the disk is as the power cut left it. */
function rebooted(files: ReadonlyMap<string, string>, leases: ReadonlyMap<string, string>): MemoryNode {
  const node = new MemoryNode();
  Object.assign(node.platform, { bootId: () => 'the next boot' });
  for (const [path, content] of files) node.platform.files.set(path, content);
  for (const [lease, address] of leases) node.leases.set(lease, address);
  return node;
}

/** Of a copy, empty or not, that the ADD has left. */
const isOurs = (text: string): boolean => !text.includes('"c2"');

const recoveries: Readonly<Record<string, (node: MemoryNode, conf: Record<string, unknown>) => void>> = {
  DEL: (node, conf) => void node.succeed('DEL', conf, { netns: '' }),
  GC: (node, conf) => void node.succeed('GC', { ...conf, 'cni.dev/valid-attachments': [] }),
  'next pod': (node, conf) => void node.succeed('ADD', { ...conf, ipam: undefined }, node.of(node.addPod())),
};

for (const [name, recover] of Object.entries(recoveries)) {
  test(`wherever an ADD loses power, after the boot ${name} gives the address back and leaves no record or copy`, () => {
    const node = new MemoryNode();
    const conf = node.conf({ vlan: 5, mac: '02:00:00:00:00:09', ipam });
    const moments = momentsOf(node, conf);
    let tried = 0;
    for (const moment of moments) {
      for (const files of disksAfter(moment)) {
        const after = rebooted(files, moment.leases);
        recover(after, conf);
        const isRecorded = [...files.keys()].some((path) => path.includes('/c1/'));
        // Nobody knows of a copy without a record, and the next user of the VF writes over it.
        const copies = [...after.platform.files].filter(([path, text]) => path.includes('/.vfs/') && isOurs(text));
        const records = after.recordPaths().filter((path) => path.includes('/c1/'));
        const left = [...records, ...after.leases.keys(), ...(isRecorded ? copies : [])];
        assert.equal(left, [], [...files].map(([path, text]) => `${path}: ${text}`).join('\n'));
        tried++;
      }
    }
    assert.ok(tried > 8, `${tried} disks`);
    assert.ok(moments.some(({ leases }) => leases.size > 0));
  });
}
