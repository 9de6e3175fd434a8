import { readCommand } from './cni/environment.ts';
import { formatError } from './cni/error-output.ts';
import { explain } from './cni/errors.ts';
import { isJsonObject, parseJson } from './cni/json-text.ts';
import { readRequest } from './cni/read-request.ts';
import { formatVersions, newestVersion } from './cni/versions.ts';
import type { Parts } from './parts.ts';
import type { Platform } from './platform/platform.ts';

/** More than any network config needs; a runtime gone mad must not fill our memory. */
const maxStdinBytes = 1024 * 1024;

/** The whole program: a CNI plugin where CNI_COMMAND is set, else a command line tool. Ends the process. */
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
    const output = command === 'VERSION' ? formatVersions() : runVerb(platform, parts, readStdin);
    if (output !== '') platform.writeStdout(`${output}\n`);
    return 0;
  } catch (thrown) {
    platform.writeStdout(`${formatError(thrown, claimedVersion(stdin))}\n`);
    return 1;
  }
}

function runTool(platform: Platform, parts: Parts): number {
  try {
    return parts.cli().runCli(platform, parts);
  } catch (thrown) {
    platform.writeStderr(`dra-sriov: ${explain(thrown)}\n`);
    return 1;
  }
}

function runVerb(platform: Platform, parts: Parts, readStdin: () => string): string {
  const request = readRequest(platform.environment, readStdin);
  const lazy = { parseYaml: (text: string) => parts.yaml().parseYaml(text), sriovCniCache: parts.sriovCniCache };
  return parts.plugin().runCommand(platform, lazy, request);
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
