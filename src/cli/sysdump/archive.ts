import { parseJson, readAs } from '../../cni/json-text.ts';
import { isJsonObject } from '../../lib/json.ts';
import { arrayOf, fits, integer, mapOf, nullable, object, oneOf, type Schema, text } from '../../lib/json-schema.ts';
import type { Recording } from './recorded-platform.ts';
import type { Redaction } from './redact.ts';
import { redactDatagram } from './redact-netlink.ts';
import { formatTar, readTar } from './tar.ts';

// A sysdump is a tar archive: `node.json` has the node's answers, `node/…` its files, `reports/…` the output of
// commands, for people.

export const maxArchiveBytes = 48 * 1024 * 1024;
const maxMembers = 4096;
const mainName = 'node.json';
const filesBelow = 'node';
const format = 1;

const texts = mapOf(text(), text());
const facts = object({
  format: integer(format, format),
  madeBy: text(),
  at: text(),
  node: text(),
  addresses: oneOf('kept', 'replaced'),
  leftOut: arrayOf(text()),
  /** Small files of sysfs and procfs, by path. */
  texts,
  /** Files that are no text, in hex. */
  bytes: texts,
});

/** Facts about an archive. */
export interface ArchiveFacts {
  /** Version of the program. */
  readonly madeBy: string;
  /** ISO 8601, UTC. */
  readonly at: string;
  /** Its host name. */
  readonly node: string;
  readonly addresses: 'kept' | 'replaced';
  /** Files that didn't fit. */
  readonly leftOut: readonly string[];
}

const failed = object({ failed: integer(0, 4095), message: text() });
const names = arrayOf(text());
const netns = text('device and inode', /^\d+ \d+$/);
const digits = text('a number', /^\d+$/);
const yesOrNo = oneOf(true, false);
const number = integer();
const word = text();

/** Schemas of the answers of each function of `Platform`, besides failures. */
const shapes: Readonly<Record<string, Schema>> = {
  readFile: nullable(oneOf('read')),
  searchFiles: nullable(names),
  readDir: nullable(names),
  readLink: nullable(word),
  stat: nullable(
    object({
      kind: oneOf('file', 'directory', 'link', 'other'),
      mode: number,
      uid: number,
      sizeBytes: number,
      modifiedMs: number,
      device: digits,
      inode: digits,
    }),
  ),
  isExecutable: yesOrNo,
  isBusy: yesOrNo,
  ownNetns: netns,
  openNetns: nullable(netns),
  netnsCookie: nullable(word),
  netlink: names,
  startProcess: object({
    status: nullable(number),
    signal: nullable(word),
    timedOut: yesOrNo,
    stdout: word,
    stderr: word,
  }),
  CNI_PATH: nullable(word),
  executable: word,
  pid: number,
  bootId: word,
  epochMs: number,
  paths: object({
    sysfs: word,
    procfs: word,
    stateDir: word,
    cdiDirs: names,
    devinfoDir: word,
    kubeletDir: word,
    sriovCniDir: word,
    logDir: word,
    multusDir: word,
    podLogDir: word,
  }),
};

/** Answers of ethtool are hex or failures, one for each request. */
const isAnswer = (operation: string, answer: unknown): boolean => {
  if (fits(failed, answer)) return true;
  if (operation === 'ethtool') {
    return Array.isArray(answer) && answer.every((each) => typeof each === 'string' || fits(failed, each));
  }
  const shape = Object.hasOwn(shapes, operation) ? shapes[operation] : undefined;
  return shape !== undefined && fits(shape, answer);
};

/** Changes each text in a value, keys included. */
function mapTexts(value: unknown, change: (text: string) => string): unknown {
  if (typeof value === 'string') return change(value);
  if (Array.isArray(value)) return value.map((each) => mapTexts(each, change));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [change(key), mapTexts(each, change)]));
}

/** Messages are bytes, so they are redacted by their attributes. */
function redactAnswer(key: string, answer: unknown, redaction: Redaction): readonly [string, unknown] {
  const question = JSON.parse(key) as string[];
  const [operation] = question;
  if (operation === 'ethtool') return [key, answer];
  if (operation !== 'netlink' || !Array.isArray(answer)) {
    const replace = (text: string): string => redaction.text(text);
    return [JSON.stringify(mapTexts(question, replace)), mapTexts(answer, replace)];
  }
  const replace = (hex: string): string => redactDatagram(Buffer.from(hex, 'hex'), redaction).toString('hex');
  return [key, answer.map(replace)];
}

const isOfKernel = (path: string, { sysfs, procfs }: { readonly sysfs: string; readonly procfs: string }): boolean =>
  path.startsWith(`${sysfs}/`) || path.startsWith(`${procfs}/`);

/** The text of bytes; null if they are no UTF-8 or hold a NUL. */
function textOf(bytes: Buffer): string | null {
  const decoded = bytes.toString('utf8');
  return Buffer.from(decoded).equals(bytes) && !decoded.includes('\0') ? decoded : null;
}

/** An archive of a recording and of reports for people, as text. */
export function formatArchive(
  recording: Recording,
  about: ArchiveFacts,
  kernelAt: { readonly sysfs: string; readonly procfs: string },
  reports: readonly (readonly [name: string, text: string])[],
  redaction: Redaction,
): string {
  const members: [string, string][] = [];
  const inline: { texts: Record<string, string>; bytes: Record<string, string> } = { texts: {}, bytes: {} };
  for (const [path, content] of recording.files) {
    const decoded = textOf(content);
    const name = redaction.text(path);
    if (decoded === null) inline.bytes[name] = content.toString('hex');
    else if (isOfKernel(path, kernelAt) || members.length >= maxMembers / 2)
      inline.texts[name] = redaction.text(decoded);
    else members.push([`${filesBelow}${name}`, redaction.text(decoded)]);
  }
  const answers = Object.fromEntries(
    [...recording.answers].map(([key, answer]) => redactAnswer(key, answer, redaction)),
  );
  const main = JSON.stringify({ format, ...about, ...inline, answers }, null, 1);
  const written = reports.map(([name, report]) => [`reports/${name}`, redaction.text(report)] as const);
  return formatTar([[mainName, `${main}\n`], ...written, ...members], Math.floor(Date.parse(about.at) / 1000));
}

function readAnswers(json: unknown): Map<string, unknown> {
  if (!isJsonObject(json)) throw new Error(`${mainName}.answers is no object`);
  return new Map(
    Object.entries(json).map(([key, answer]) => {
      const question: unknown = parseJson(key, `${mainName}.answers`);
      const operation = Array.isArray(question) ? String(question[0]) : '';
      if (!isAnswer(operation, answer)) throw new Error(`${mainName}.answers: ${key} has no answer that fits`);
      return [key, answer];
    }),
  );
}

/** Throws an Error that says why it isn't an archive of `sysdump`, or a damaged one. */
export function readArchive(archive: Buffer): { readonly about: ArchiveFacts; readonly recording: Recording } {
  if (archive[0] === 0x1f && archive[1] === 0x8b) throw new Error('it is compressed: gunzip it first');
  const members = new Map(readTar(archive, maxMembers).map(({ name, bytes }) => [name, bytes]));
  const main = members.get(mainName);
  if (main === undefined) throw new Error(`it holds no ${mainName}: it is no archive of sysdump`);
  const json = parseJson(main.toString('utf8'), mainName);
  const { texts: small, bytes, format: _, ...about } = readAs(facts, json, mainName);
  const files = new Map<string, Buffer>();
  for (const [path, content] of Object.entries(small)) files.set(path, Buffer.from(content));
  for (const [path, hex] of Object.entries(bytes)) files.set(path, Buffer.from(hex, 'hex'));
  for (const [name, content] of members) {
    if (name.startsWith(`${filesBelow}/`)) files.set(name.slice(filesBelow.length), content);
  }
  return { about, recording: { answers: readAnswers((json as Record<string, unknown>)['answers']), files } };
}
