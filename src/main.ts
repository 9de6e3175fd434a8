import { readCommand } from './cni/environment.ts';
import { formatError } from './cni/error-output.ts';
import { explain } from './cni/errors.ts';
import { parseJson } from './cni/json-text.ts';
import { readRequest } from './cni/read-request.ts';
import { formatVersions, newestVersion } from './cni/versions.ts';
import { isJsonObject } from './lib/json.ts';
import { printable } from './lib/quote.ts';
import { isSystemError } from './lib/system-error.ts';
import type { Parts } from './parts.ts';
import type { Platform } from './platform/platform.ts';

/** More than any network config needs, so that a faulty runtime can't fill our memory. */
const maxStdinBytes = 1024 * 1024;

/** Whoever reads has had enough, as `head`. Other programs end silently then, by SIGPIPE: 128 + 13 in a shell. */
const endedByPipe = 141;

/** The whole program: a CNI plugin if CNI_COMMAND is set, else a command line tool. Ends the process. */
export function runMain(platform: Platform, parts: Parts): never {
  platform.exit(run(platform, parts));
}

function run(platform: Platform, parts: Parts): number {
  let stdin = '';
  const readStdin = (): string => {
    stdin = platform.readStdin(maxStdinBytes).toString('utf8');
    return stdin;
  };
  try {
    const command = readCommand(platform.environment);
    if (command === null) return runTool(platform, parts);
    if (command === 'VERSION') platform.writeStdout(`${formatVersions()}\n`);
    else runVerb(platform, parts, readStdin);
    return 0;
  } catch (thrown) {
    tell(platform, thrown, claimedVersion(stdin));
    keep(platform, parts, thrown);
    return 1;
  }
}

/** Prints an error. Stdout may be the very thing that failed. */
function tell(platform: Platform, thrown: unknown, cniVersion: string): void {
  try {
    platform.writeStdout(`${formatError(thrown, cniVersion)}\n`);
  } catch {
    platform.writeStderr(`dra-sriov: ${printable(explain(thrown))}\n`);
  }
}

/** Keeps a failure for `doctor` and `metrics`. No verb fails if that can't be done: the disk may be what is wrong. */
function keep(platform: Platform, parts: Parts, thrown: unknown): void {
  try {
    parts.failures().recordFailure(platform, platform.environment['CNI_COMMAND'], thrown);
  } catch {
    // The verb's own error matters more.
  }
}

function runTool(platform: Platform, parts: Parts): number {
  try {
    return parts.cli().runCli(platform, parts);
  } catch (thrown) {
    if (isSystemError(thrown, 'EPIPE')) return endedByPipe;
    platform.writeStderr(`dra-sriov: ${explain(thrown)}\n`);
    return 1;
  }
}

function runVerb(platform: Platform, parts: Parts, readStdin: () => string): void {
  const request = readRequest(platform.environment, readStdin);
  const lazy = { parseYaml: (text: string) => parts.yaml().parseYaml(text), sriovCniCache: parts.sriovCniCache };
  const output = parts.plugin().runCommand(platform, lazy, request);
  if (output === '') return;
  try {
    platform.writeStdout(`${output}\n`);
  } catch (thrown) {
    // The runtime may never DEL an attachment of which it never heard.
    if (request.command === 'ADD') parts.plugin().runCommand(platform, lazy, { ...request, command: 'DEL' });
    throw thrown;
  }
}

/** The version in which the runtime expects the error, as far as it can be told. */
function claimedVersion(stdin: string): string {
  try {
    const config = parseJson(stdin, 'stdin');
    const version = isJsonObject(config) ? config['cniVersion'] : undefined;
    return typeof version === 'string' && /^\d[\w.+-]{0,31}$/.test(version) ? version : newestVersion;
  } catch {
    return newestVersion;
  }
}
