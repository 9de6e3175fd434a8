import { explain, isBug } from '../../cni/errors.ts';
import { isJsonObject } from '../../lib/json.ts';
import { printable, show } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { ProbeReport } from '../probe/report.ts';
import { complain, type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { crossCheck, isCrossChecked, type Located } from './cross-check.ts';
import { error, type Finding, parsePath } from './finding.ts';
import { checkManifest } from './manifest.ts';
import {
  checkDefinition,
  checkNetwork,
  isDefinition,
  isNetworkOfOurs,
  noneOfOurs,
  type Rules,
  readNetwork,
} from './network.ts';
import { readProbeReport } from './node.ts';
import { type Manifest, readManifests } from './objects.ts';
import { fromYaml, readJson, type SourceDocument } from './source.ts';

export interface ValidateOptions {
  /** Names under which this plugin is installed. */
  readonly type: readonly string[];
  /** A file that `probe --json` has written on the node that the configs are for. */
  readonly node?: string;
  readonly json?: boolean;
}

/** A finding with line and column in the file, from 1; null if it is about the file as such. */
export interface PlacedFinding extends Pick<Finding, 'severity' | 'path' | 'message'> {
  readonly line: number | null;
  readonly column: number | null;
  /** What to write there instead; null if no single word mends it. */
  readonly fix: string | number | null;
}

/** The content of a file, with the findings about each object by itself. */
export interface CheckedText {
  readonly text: string;
  readonly findings: readonly Finding[];
  readonly manifests: readonly Manifest[];
  /** It has nothing that could be checked. */
  readonly isForeign?: true;
}

const noPlace = { at: [] };

/** Findings of an object with their offsets in the file. */
function locate({ document, within }: Pick<Manifest, 'document' | 'within'>, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => {
    const path = [...within, ...(finding.at ?? parsePath(finding.path))];
    return { ...finding, offset: finding.offset ?? document.offsetOf(path, finding.on ?? 'value') };
  });
}

function checkDocuments(file: string, text: string, documents: readonly SourceDocument[], rules: Rules): CheckedText {
  const manifests = readManifests(file, documents);
  const findings = manifests.flatMap((manifest) => {
    const own = isDefinition(manifest.object) ? checkDefinition(manifest, rules) : [];
    return locate(manifest, [...own, ...checkManifest(manifest)]);
  });
  const isKnown = manifests.some((manifest) => isDefinition(manifest.object) || isCrossChecked(manifest));
  if (isKnown || findings.length > 0) return { text, findings, manifests };
  const kinds = 'NetworkAttachmentDefinition, claim or pod';
  const nothing = error('', `holds no network config (JSON) and no ${kinds}`, noPlace);
  return { text, findings: [nothing], manifests, isForeign: true };
}

function checkYaml(tool: Pick<Tool, 'yaml'>, file: string, text: string, rules: Rules): CheckedText {
  try {
    return checkDocuments(file, text, tool.yaml().parseYamlSource(text).map(fromYaml), rules);
  } catch (thrown) {
    if (!(thrown instanceof Error) || thrown.name !== 'YamlError') throw thrown;
    const { line, column } = thrown as Error & { readonly line?: number; readonly column?: number };
    const message = thrown.message.replace(/^line \d+, column \d+: /, '');
    const offset = line === undefined || column === undefined ? undefined : offsetAt(text, line, column);
    return { text, findings: [error('', message, offset === undefined ? noPlace : { offset })], manifests: [] };
  }
}

function checkJson(file: string, text: string, rules: Rules): CheckedText {
  const { document, findings } = readJson(text);
  if (document === null) return { text, findings, manifests: [] };
  if (isJsonObject(document.value) && document.value['kind'] !== undefined) {
    const checked = checkDocuments(file, text, [document], rules);
    return { ...checked, findings: [...findings, ...checked.findings] };
  }
  const network = checkNetwork(document.value, { ...rules, nameNeeded: true });
  const foreign = isNetworkOfOurs(document.value, rules) ? {} : ({ isForeign: true } as const);
  return { text, findings: [...findings, ...locate({ document, within: [] }, network)], manifests: [], ...foreign };
}

/**
 * Checks the text of a network config, a conflist (both JSON), or objects of Kubernetes (YAML or JSON), each by itself.
 */
export function checkText(tool: Pick<Tool, 'yaml'>, file: string, text: string, rules: Rules): CheckedText {
  const content = text.replace(/^\ufeff/, '');
  if (content.trim() === '')
    return { text, findings: [error('', 'is empty', noPlace)], manifests: [], isForeign: true };
  return /^\s*[{[]/.test(content) ? checkJson(file, content, rules) : checkYaml(tool, file, content, rules);
}

function offsetAt(text: string, line: number, column: number): number {
  const before = text.split('\n').slice(0, line - 1);
  return before.reduce((total, each) => total + each.length + 1, 0) + column - 1;
}

/** The finding with line and column, as editors count them. */
export function place(text: string, { severity, path, message, offset, fix: written }: Finding): PlacedFinding {
  const fix = written ?? null;
  if (offset === undefined) return { severity, path, message, line: null, column: null, fix };
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { severity, path, message, line, column: offset - before.lastIndexOf('\n'), fix };
}

/** Enough for all objects of a cluster with a thousand pods. */
const maxStdinBytes = 64 * 1024 * 1024;

function readText({ platform }: Tool, file: string): string | null {
  if (file === '-') return platform.readStdin(maxStdinBytes).toString('utf8');
  return platform.readFile(file, { maxBytes: maxStdinBytes })?.toString('utf8') ?? null;
}

interface CheckedFile extends CheckedText {
  readonly file: string;
}

function checkFile(tool: Tool, file: string, rules: Rules): CheckedFile {
  const failed = (message: string): CheckedFile => ({
    file,
    text: '',
    findings: [error('', message, noPlace)],
    manifests: [],
  });
  try {
    const text = readText(tool, file);
    return text === null ? failed('no such file') : { file, ...checkText(tool, file, text, rules) };
  } catch (thrown) {
    return failed(explain(thrown));
  }
}

const fileNames = /\.(ya?ml|json|conf|conflist)$/;
const maxDepth = 16;

/**
 * The files of a directory and those below it whose names may be ours. Follows no link.
 */
function filesBelow({ platform }: Tool, directory: string, depth = 0): readonly string[] {
  return (platform.readDir(directory) ?? []).flatMap((name) => {
    const path = `${directory.replace(/\/$/, '')}/${name}`;
    if (name.startsWith('.')) return [];
    const kind = platform.stat(path)?.kind;
    if (kind === 'directory') return depth < maxDepth ? filesBelow({ platform } as Tool, path, depth + 1) : [];
    return kind === 'file' && fileNames.test(name) ? [path] : [];
  });
}

/** Checks what the arguments of a command name: files, directories, stdin. */
export function checkArguments(tool: Tool, files: readonly string[], rules: Rules): readonly CheckedFile[] {
  return [...new Set(files)].flatMap((argument) => checkArgument(tool, argument, rules));
}

/** Checks one argument. Files of a directory without anything to check are passed over. */
function checkArgument(tool: Tool, argument: string, rules: Rules): readonly CheckedFile[] {
  try {
    if (argument === '-' || tool.platform.stat(`${argument}/.`)?.kind !== 'directory')
      return [checkFile(tool, argument, rules)];
    const checked = filesBelow(tool, argument).map((file) => checkFile(tool, file, rules));
    const ours = checked.filter(({ isForeign }) => isForeign !== true);
    if (ours.length > 0) return ours;
    const message = 'no file in it holds a network config, NetworkAttachmentDefinition, claim or pod';
    return [{ file: argument, text: '', findings: [error('', message, noPlace)], manifests: [] }];
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    return [{ file: argument, text: '', findings: [error('', thrown.message, noPlace)], manifests: [] }];
  }
}

/** The report of a node; null if the file is none, which stderr explains. */
function readNode(tool: Tool, file: string): ProbeReport | null {
  try {
    const text = readText(tool, file);
    if (text === null) throw new Error('no such file');
    return readProbeReport(text);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    complain(tool, `--node ${printable(file)}: ${explain(thrown)}; \`probe --json\` on a node writes such a file`);
    return null;
  }
}

const isWrong = ({ severity }: Pick<Finding, 'severity'>): boolean => severity === 'error';

/** Reports that no definition is ours, if there are only those of other plugins and nothing else is wrong. */
function missOurs(
  checked: readonly CheckedFile[],
  manifests: readonly Manifest[],
  ourTypes: ReadonlySet<string>,
): readonly Located[] {
  const networks = manifests.flatMap((manifest) => readNetwork(manifest, ourTypes) ?? []);
  const [first] = networks;
  const isSilent = checked.every(({ findings }) => findings.length === 0);
  if (first === undefined || !isSilent || networks.some(({ plugin }) => plugin !== null)) return [];
  return [{ manifest: first, finding: noneOfOurs('', { ourTypes }) }];
}

/**
 * `validate FILE...`: checks each file, and whether they fit together. Warnings don't make a file invalid.
 */
export function validate(
  tool: Tool,
  files: readonly string[],
  { type, node, json = false }: ValidateOptions,
): ExitCode {
  const ourTypes = new Set(type);
  const report = node === undefined ? null : readNode(tool, node);
  if (node !== undefined && report === null) return exitCodes.wrong;
  const checked = checkArguments(tool, files, { ourTypes, node: report });
  const manifests = checked.flatMap((file) => file.manifests);
  const together = [...crossCheck(manifests, ourTypes), ...missOurs(checked, manifests, ourTypes)];
  const outcomes = checked.map(({ file, text, findings }) => {
    const others = together.filter(({ manifest }) => manifest.file === file);
    const all = [...findings, ...others.flatMap(({ manifest, finding }) => locate(manifest, [finding]))];
    return { file, findings: all.map((finding) => place(text, finding)) };
  });
  if (json) {
    const report = outcomes.map(({ file, findings }) => ({ file, valid: !findings.some(isWrong), findings }));
    printJson(tool, { valid: report.every(({ valid }) => valid), files: report });
  } else {
    for (const { file, findings } of outcomes) printFindings(tool, file, findings);
  }
  return outcomes.some(({ findings }) => findings.some(isWrong)) ? exitCodes.wrong : exitCodes.fine;
}

function printFindings({ platform, style }: Tool, file: string, findings: readonly PlacedFinding[]): void {
  const name = printable(file === '-' ? 'stdin' : file);
  const paints = { error: style.bad, warning: style.warning };
  const lines = findings.map(({ severity, path, message, line, column, fix }) => {
    const where = line === null ? name : `${name}:${line}:${column}`;
    const about = path === '' ? '' : `${path}: `;
    const advice =
      fix === null ? '' : `\n  ${style.faint('write:')} ${printable(typeof fix === 'string' ? fix : show(fix))}`;
    return `${paints[severity](severity)}: ${where}: ${about}${message}${advice}\n`;
  });
  platform.writeStdout(`${lines.join('')}${findings.some(isWrong) ? '' : `${style.good('valid')}: ${name}\n`}`);
}
