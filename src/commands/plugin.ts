import { relativePluginPaths } from '../cni/environment.ts';
import { CniError, explain } from '../cni/errors.ts';
import type { CniRequest } from '../cni/request.ts';
import { readLogSettings } from '../config/log-settings.ts';
import { delegationMark } from '../ipam/bookkeeping.ts';
import { createLog, type Log } from '../lib/log.ts';
import type { Platform } from '../platform/platform.ts';
import { add } from './add.ts';
import { check } from './check.ts';
import { type CommandContext, createContext } from './context.ts';
import { del } from './del.ts';
import { gc } from './gc.ts';
import { openLogFile } from './log-file.ts';
import { status } from './status.ts';

const commands: Readonly<Record<string, (context: CommandContext) => string>> = {
  ADD: add,
  DEL: del,
  CHECK: check,
  STATUS: status,
  GC: gc,
};

/** Runs one verb; returns what belongs on stdout. Throws CniError, and logs every failure. */
export function runCommand(
  platform: Platform,
  lazy: Pick<CommandContext, 'parseYaml' | 'sriovCniCache'>,
  request: CniRequest,
): string {
  const command = commands[request.command];
  if (command === undefined) throw new CniError('internal', `no command ${request.command}`);
  const log = openLog(platform, request);
  try {
    refuseDelegation(platform, request);
    for (const directory of relativePluginPaths(platform.environment['CNI_PATH'] ?? '')) {
      log.warning('a relative directory in CNI_PATH is not searched', { directory });
    }
    return command(createContext({ ...lazy, platform, request, log }));
  } catch (thrown) {
    log.error(`${request.command} failed`, { reason: explain(thrown) });
    throw thrown;
  }
}

/** Goes on without bad log settings, and says so in the log. */
function openLog(platform: Platform, request: CniRequest): Log {
  const { logLevel, logFile, problems } = readLogSettings(request.config);
  const file = logFile === undefined ? null : openLogFile(platform, logFile);
  const write = (line: string): void => (file === null ? platform.writeStderr(line) : file.append(line));
  const { command, containerId, ifname, network } = request;
  const about = { command, container: containerId, ifname, network };
  const log = createLog({ level: logLevel, write, epochMs: () => platform.epochMs(), context: about });
  for (const { path, message } of problems) log.warning('a log setting is not used', { key: path, problem: message });
  return log;
}

/**
 * Refuses to be an IPAM plugin: a config whose `ipam.type` names this plugin would start one process after the other.
 */
function refuseDelegation(platform: Platform, { command }: CniRequest): void {
  if (platform.environment[delegationMark] === undefined) return;
  throw new CniError('invalidConfig', `this plugin is no IPAM plugin: ${command} was delegated to it by ipam.type`);
}
