import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import process from 'node:process';

/**
 * Seconds since 1970 that delivered files claim to be from: SOURCE_DATE_EPOCH, else the time of the last commit, else
 * 0. https://reproducible-builds.org/specs/source-date-epoch/
 */
export function sourceDateEpoch(root: string): number {
  const wanted = process.env['SOURCE_DATE_EPOCH'] ?? '';
  if (wanted !== '') {
    if (!/^\d{1,12}$/.test(wanted)) throw new Error(`SOURCE_DATE_EPOCH is ${wanted}: it must be seconds since 1970`);
    return Number(wanted);
  }
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as ['ignore', 'pipe', 'ignore'];
    return Number(execFileSync('git', ['-C', root, 'log', '-1', '--format=%ct'], { encoding: 'utf8', stdio }));
  } catch {
    // The sources are an unpacked archive, without git.
    return 0;
  }
}

/**
 * A tar archive of a directory: sorted, owned by root, of one time, readable by all, so that its bytes are always the
 * same.
 */
export function packTar(directory: string, epoch: number): Buffer {
  const sameForAll = ['--owner=0', '--group=0', '--numeric-owner', '--mode=u+rw,go-w,a+rX', `--mtime=@${epoch}`];
  const names = readdirSync(directory).sort();
  const args = ['--create', '--format=ustar', '--sort=name', ...sameForAll, `--directory=${directory}`, ...names];
  return execFileSync('tar', args, { maxBuffer: 1024 ** 3, env: { PATH: process.env['PATH'], LC_ALL: 'C' } });
}
