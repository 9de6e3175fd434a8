import { explain, isBug } from '../../cni/errors.ts';
import { printable } from '../../lib/quote.ts';
import type { Platform } from '../../platform/platform.ts';
import { wrap } from '../text.ts';
import { complain, type ExitCode, exitCodes, type Tool } from '../tool.ts';
import { type ArchiveFacts, maxArchiveBytes, readArchive } from './archive.ts';
import { createRecordedPlatform } from './recorded-platform.ts';

interface ArchivedNode {
  readonly about: ArchiveFacts;
  readonly platform: Platform;
}

/** `-` is stdin. Throws an Error that says why it can't be read. */
function openArchive(here: Platform, path: string): ArchivedNode {
  const bytes = path === '-' ? here.readStdin(maxArchiveBytes) : here.readFile(path, { maxBytes: maxArchiveBytes });
  if (bytes === null) throw new Error('no such file');
  const { about, recording } = readArchive(bytes);
  return { about, platform: createRecordedPlatform(recording, here, false) };
}

function describe({ style }: Tool, { about }: ArchivedNode): string {
  const { node, at, madeBy, addresses, leftOut } = about;
  const hidden = addresses === 'replaced' ? '; addresses are not the real ones' : '';
  const missing = leftOut.length === 0 ? '' : `; without ${leftOut.length} files that had no room`;
  return `${wrap(style, printable(`Node ${node} as it was at ${at}, by version ${madeBy}${hidden}${missing}.`), 0)}\n`;
}

/** Runs a command on the node that an archive of `sysdump` shows; without an archive on this node. */
export function onNode(tool: Tool, archive: string | undefined, command: (tool: Tool) => ExitCode): ExitCode {
  if (archive === undefined) return command(tool);
  let node: ArchivedNode;
  try {
    node = openArchive(tool.platform, archive);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    complain(tool, `--from ${printable(archive)}: ${explain(thrown)}; \`sysdump\` on a node writes such an archive`);
    return exitCodes.wrong;
  }
  tool.platform.writeStderr(describe(tool, node));
  return command({ ...tool, platform: node.platform, here: tool.platform });
}
