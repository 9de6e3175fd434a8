import { explain } from '../../cni/errors.ts';
import { isJsonObject } from '../../lib/json.ts';
import { printable } from '../../lib/quote.ts';
import { type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { crossCheck, isCrossChecked } from './cross-check.ts';
import { error, type Finding, readJson, under } from './finding.ts';
import { checkDefinition, checkNetwork, isDefinition } from './network.ts';
import { flattenLists, type Manifest, readManifests } from './objects.ts';

export interface ValidateOptions {
  /** Names under which this plugin is installed. */
  readonly type: readonly string[];
  readonly json?: boolean;
}

/** What a file holds, and what is wrong with each thing by itself. */
export interface CheckedText {
  readonly findings: readonly Finding[];
  readonly manifests: readonly Manifest[];
}

type Rules = ReadonlySet<string>;

function checkYaml(tool: Pick<Tool, 'yaml'>, file: string, text: string, ourTypes: Rules): CheckedText {
  let documents: readonly unknown[];
  try {
    documents = tool.yaml().parseYamlDocuments(text);
  } catch (thrown) {
    return { findings: [error('', explain(thrown))], manifests: [] };
  }
  const manifests = readManifests(file, documents.flatMap(flattenLists));
  const definitions = manifests.map(({ object }) => object).filter(isDefinition);
  if (definitions.length === 0 && !manifests.some(isCrossChecked)) {
    const kinds = 'NetworkAttachmentDefinition, claim or pod';
    return { findings: [error('', `holds no network config (JSON) and no ${kinds}`)], manifests };
  }
  return { findings: definitions.flatMap((definition) => checkDefinition(definition, ourTypes)), manifests };
}

function checkJson(tool: Pick<Tool, 'yaml'>, file: string, text: string, ourTypes: Rules): CheckedText {
  const { value, findings } = readJson(text);
  if (findings.length > 0) return { findings, manifests: [] };
  if (isJsonObject(value) && value['kind'] !== undefined) return checkYaml(tool, file, text, ourTypes);
  return { findings: checkNetwork(value, { ourTypes, nameNeeded: true }), manifests: [] };
}

/** Checks the text of a network config, a conflist (both JSON), or objects of Kubernetes (YAML or JSON), each by itself. */
export function checkText(tool: Pick<Tool, 'yaml'>, file: string, text: string, ourTypes: Rules): CheckedText {
  const content = text.replace(/^\ufeff/, '');
  if (content.trim() === '') return { findings: [error('', 'is empty')], manifests: [] };
  return (/^\s*[{[]/.test(content) ? checkJson : checkYaml)(tool, file, content, ourTypes);
}

function checkFile(tool: Tool, file: string, ourTypes: Rules): CheckedText {
  try {
    const bytes = tool.platform.readFile(file);
    if (bytes === null) return { findings: [error('', 'no such file')], manifests: [] };
    return checkText(tool, file, bytes.toString('utf8'), ourTypes);
  } catch (thrown) {
    return { findings: [error('', explain(thrown))], manifests: [] };
  }
}

const isWrong = ({ severity }: Finding): boolean => severity === 'error';

/** `validate FILE...`: what is wrong with each file, and whether they fit together. Warnings don't make a file invalid. */
export function validate(tool: Tool, files: readonly string[], { type, json = false }: ValidateOptions): ExitCode {
  const ourTypes = new Set(type);
  const paths = [...new Set(files)];
  const checked = paths.map((file) => ({ file, ...checkFile(tool, file, ourTypes) }));
  const together = crossCheck(
    checked.flatMap(({ manifests }) => manifests),
    ourTypes,
  );
  const outcomes = checked.map(({ file, findings }) => ({
    file,
    findings: [...findings, ...together.filter((located) => located.file === file).map(({ finding }) => finding)],
  }));
  if (json) {
    const report = outcomes.map(({ file, findings }) => ({ file, valid: !findings.some(isWrong), findings }));
    printJson(tool, { valid: report.every(({ valid }) => valid), files: report });
  } else {
    for (const { file, findings } of outcomes) printFindings(tool, file, findings);
  }
  return outcomes.some(({ findings }) => findings.some(isWrong)) ? exitCodes.wrong : exitCodes.fine;
}

function printFindings({ platform, style }: Tool, file: string, findings: readonly Finding[]): void {
  const name = printable(file);
  const paints = { error: style.bad, warning: style.warning };
  const lines = under(name, ': ', findings).map(
    ({ severity, path, message }) => `${paints[severity](severity)}: ${path}: ${message}\n`,
  );
  platform.writeStdout(`${lines.join('')}${findings.some(isWrong) ? '' : `${style.good('valid')}: ${name}\n`}`);
}
