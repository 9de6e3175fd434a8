import { explain, isBug } from '../../cni/errors.ts';
import { printable } from '../../lib/quote.ts';
import type { Platform } from '../../platform/platform.ts';
import { version } from '../../version.ts';
import { attachments } from '../attachments.ts';
import { doctor } from '../doctor/doctor.ts';
import { explain as explainPod } from '../explain/explain.ts';
import { listNodePods } from '../explain/find-pod.ts';
import { inspect } from '../inspect.ts';
import { readQuietly, surveyNode } from '../node/survey.ts';
import { prospectsOf } from '../resolve/plan.ts';
import { confOf, resolve } from '../resolve/resolve.ts';
import { createStyle } from '../text.ts';
import { complain, type ExitCode, exitCodes, programName, type Tool } from '../tool.ts';
import { type ArchiveFacts, formatArchive } from './archive.ts';
import { createRecordedPlatform, type Recording } from './recorded-platform.ts';
import { AddressRedaction, secretsOnly } from './redact.ts';

interface SysdumpOptions {
  readonly output?: string;
  readonly withAddresses?: boolean;
}

type Report = readonly [name: string, text: string];

const archiveMode = 0o600;
/** Limit for the end of each log. */
const maxLogBytes = 256 * 1024;
const maxLogs = 16;
/** Limit for all files together. */
const maxFilesBytes = 12 * 1024 * 1024;
/** Enough for all pods that a kubelet takes, and some that are gone. */
const maxPods = 500;
/** The directory of network configs of container runtimes and Multus. */
const confDir = '/etc/cni/net.d';
const tails = ['/usr/bin/tail', '/bin/tail'];
const tailTimeoutMs = 5000;

/** The output of a command, or its error. */
function report(tool: Tool, command: (tool: Tool) => ExitCode): string {
  let printed = '';
  const keep = (text: string): void => {
    printed += text;
  };
  try {
    command({ ...tool, platform: { ...tool.platform, writeStdout: keep, writeStderr: keep } });
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    keep(`${explain(thrown)}\n`);
  }
  return printed;
}

/** Runs the commands for each pod, so that the recording has what they read. */
function reportPods(tool: Tool): readonly Report[] {
  const pods = readQuietly(() => listNodePods(tool, surveyNode(tool))) ?? [];
  return pods.slice(0, maxPods).flatMap(({ uid, containerIds }) => {
    const target = uid ?? containerIds[0] ?? '';
    const explained = report(tool, (own) => explainPod(own, target, {}));
    const resolved = uid === null ? null : report(tool, (own) => resolve(own, { podUid: uid }));
    const name = target.replace(/[^\w.-]/g, '_');
    return [
      [`explain/${name}.txt`, explained],
      ...(resolved === null ? [] : [[`resolve/${name}.txt`, resolved] as const]),
    ];
  });
}

/** Reads what ADD would look at for each free VF, because a command may ask for another pod. */
function readProspects(tool: Tool): void {
  const free = readQuietly(() =>
    surveyNode(tool).pfs.flatMap(({ vfs }) => vfs.filter(({ holder }) => holder === null)),
  );
  const conf = confOf('', 'any', { type: programName });
  for (const { sysfs } of free ?? []) {
    readQuietly(() => prospectsOf(tool, conf, 'net1', { pci: sysfs.pci, source: '' }, null));
  }
}

function readConfigs({ platform }: Tool): void {
  const names = readQuietly(() => platform.readDir(confDir)) ?? [];
  for (const name of names.filter((each) => /\.(conf|conflist|json)$/.test(each))) {
    readQuietly(() => platform.readFile(`${confDir}/${name}`));
  }
}

/** The end of a log, in whole lines; uses `tail` if the log is large. Throws SystemError. */
function readTail(here: Platform, path: string, sizeBytes: number): string {
  if (sizeBytes <= maxLogBytes) return here.readFile(path, { followLinks: false })?.toString('utf8') ?? '';
  const tail = tails.find((each) => here.isExecutable(each));
  if (tail === undefined) return `${sizeBytes} bytes, and no tail on this node to read their end\n`;
  const args = ['-c', String(maxLogBytes), path];
  const { stdout } = here.startProcess({ path: tail, args, env: {}, stdin: '', timeoutMs: tailTimeoutMs }).wait();
  return stdout.slice(stdout.indexOf('\n') + 1);
}

function readLogs(here: Platform): readonly Report[] {
  const { logDir } = here.paths;
  const logs = (readQuietly(() => here.readDir(logDir)) ?? []).flatMap((name) => {
    const status = readQuietly(() => here.stat(`${logDir}/${name}`));
    return status?.kind === 'file' ? [{ name, ...status }] : [];
  });
  const newest = logs.sort((one, other) => other.modifiedMs - one.modifiedMs).slice(0, maxLogs);
  return newest.flatMap(({ name, sizeBytes }): readonly Report[] => {
    const text = readQuietly(() => readTail(here, `${logDir}/${name}`, sizeBytes));
    return text === null ? [] : [[`log/${name}`, text]];
  });
}

/** Leaves out files that don't fit, the largest first. */
function leaveOut({ files }: Recording): readonly string[] {
  let total = [...files.values()].reduce((sum, { length }) => sum + length, 0);
  const bySize = [...files].sort(([, one], [, other]) => other.length - one.length);
  const gone: string[] = [];
  for (const [path, { length }] of bySize) {
    if (total <= maxFilesBytes) break;
    files.delete(path);
    gone.push(path);
    total -= length;
  }
  return gone;
}

function hostNameOf({ readFile, paths }: Platform): string {
  const name = readQuietly(() => readFile(`${paths.procfs}/sys/kernel/hostname`)?.toString('utf8').trim() ?? null);
  return name === null || name === '' ? 'node' : name;
}

/** Why a file may not be written; null if it may. */
function whyNot(here: Platform, path: string): string | null {
  const status = here.stat(path);
  if (status === null) return null;
  return status.kind === 'link' ? 'it is a symbolic link' : 'it is there already';
}

function collect(tool: Tool, withAddresses: boolean): { readonly about: ArchiveFacts; readonly archive: string } {
  const here = tool.platform;
  const recording: Recording = { answers: new Map(), files: new Map() };
  const platform = createRecordedPlatform(recording, here, true);
  const plain = createStyle({ environment: {}, isTerminal: () => false, terminalColumns: () => null });
  const node: Tool = { ...tool, platform, style: plain };
  const reports: readonly Report[] = [
    ['inspect.txt', report(node, (own) => inspect(own, undefined, {}))],
    ['attachments.txt', report(node, (own) => attachments(own, {}))],
    ['doctor.txt', report(node, (own) => doctor(own, {}))],
    ...reportPods(node),
    ...readLogs(here),
  ];
  readProspects(node);
  readConfigs(node);
  const about: ArchiveFacts = {
    madeBy: version,
    at: new Date(platform.epochMs()).toISOString(),
    node: hostNameOf(platform),
    addresses: withAddresses ? 'kept' : 'replaced',
    leftOut: leaveOut(recording),
  };
  const redaction = withAddresses ? secretsOnly : new AddressRedaction();
  return { about, archive: formatArchive(recording, about, platform.paths, reports, redaction) };
}

/**
 * `sysdump [--output FILE]`: packs what the commands read of this node into one archive, with which they work elsewhere
 * (`--from`). Changes nothing else on the node.
 */
export function sysdump(tool: Tool, { output, withAddresses = false }: SysdumpOptions): ExitCode {
  const { platform } = tool;
  const { about, archive } = collect(tool, withAddresses);
  if (output === '-') {
    platform.writeStdout(archive);
    return exitCodes.fine;
  }
  const time = about.at.replace(/[-:]|\.\d+/g, '');
  const path = output ?? `${programName}-${about.node.replace(/[^\w.-]/g, '_')}-${time}.tar`;
  try {
    const reason = whyNot(platform, path);
    if (reason !== null) throw new Error(reason);
    platform.writeFileAtomic(path, archive, { mode: archiveMode, durable: false });
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    complain(tool, `${printable(path)}: ${explain(thrown)}`);
    return exitCodes.wrong;
  }
  const shown = withAddresses ? 'with the addresses of this node and its pods' : 'addresses are replaced';
  platform.writeStdout(`${printable(path)}: ${Math.ceil(Buffer.from(archive).length / 1024)} KiB, ${shown}\n`);
  return exitCodes.fine;
}
