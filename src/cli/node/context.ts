import type { AllocationNode } from '../../allocation/search.ts';
import { splitPluginPath } from '../../cni/environment.ts';
import type { CniRequest } from '../../cni/request.ts';
import { type CommandContext, createContext } from '../../commands/context.ts';
import { createLog } from '../../lib/log.ts';
import type { Tool } from '../tool.ts';
import { madeUpRequest } from './records.ts';

/** The node, for a search for VFs. */
export function allocationNode({ platform, yaml }: Tool): AllocationNode {
  return { platform, parseYaml: (text) => yaml().parseYaml(text) };
}

/**
 * The context for a command that works with the verbs' own steps. Only warnings of the log go to stderr. If CNI_PATH is
 * unset, that of each attachment's record is used.
 */
export function openContext(tool: Tool, request: Partial<CniRequest> = {}): CommandContext {
  const { platform, sriovCniCache } = tool;
  const pluginDirs = splitPluginPath(platform.environment['CNI_PATH'] ?? '');
  return createContext({
    ...allocationNode(tool),
    sriovCniCache,
    request: madeUpRequest('GC', { pluginDirs, ...request }),
    log: createLog({
      level: 'warning',
      write: (line) => platform.writeStderr(line),
      epochMs: () => platform.epochMs(),
    }),
  });
}
