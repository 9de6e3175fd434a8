import { execFileSync } from 'node:child_process';
import { copyFileSync, linkSync, renameSync, rmSync } from 'node:fs';
import process from 'node:process';

export function say(text: string): void {
  process.stdout.write(`build: ${text}\n`);
}

/** Refuses an executable that doesn't answer VERSION; `runner` are words before its path, for another CPU's. */
export function tryOut(executable: string, runner: readonly string[] = []): void {
  const [program = '', ...args] = [...runner, executable];
  const answer = execFileSync(program, args, { encoding: 'utf8', env: { CNI_COMMAND: 'VERSION' }, input: '' });
  const { supportedVersions } = JSON.parse(answer) as { readonly supportedVersions?: readonly string[] };
  if (supportedVersions?.includes('1.1.0') !== true) throw new Error(`${executable} answers VERSION with ${answer}`);
}

/**
 * The same file under a second name; a copy where the file system has no hard links. Running plugins keep the old file.
 */
export function deliver(executable: string, delivered: string): void {
  const part = `${delivered}.part`;
  rmSync(part, { force: true });
  try {
    linkSync(executable, part);
  } catch {
    copyFileSync(executable, part);
  }
  renameSync(part, delivered);
}
