import { explain, isBug } from '../../cni/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { type Failure, readFailures } from '../../state/failures.ts';

const recentMs = 60 * 60 * 1000;

/** The failures of one verb with one code, as far as they are kept. */
export interface ErrorGroup {
  readonly command: string;
  readonly code: number;
  /** How many within the last hour. */
  readonly recent: number;
  readonly last: Failure;
}

/** The errors of this node, the last first; a text says why they can't be read. */
export function readErrors(platform: Platform): readonly ErrorGroup[] | string {
  let failures: readonly Failure[];
  try {
    failures = readFailures(platform);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    return explain(thrown);
  }
  const since = platform.epochMs() - recentMs;
  const groups = new Map<string, ErrorGroup>();
  for (const failure of failures) {
    const { command, code, atMs } = failure;
    const key = `${command} ${code}`;
    const recent = (groups.get(key)?.recent ?? 0) + (atMs > since ? 1 : 0);
    groups.set(key, { command, code, recent, last: failure });
  }
  return [...groups.values()].sort((one, other) => other.last.atMs - one.last.atMs);
}

/** `17 times 100 (ADD), once 109 (DEL)`, of the last hour; '' where there were none. */
export function describeRecent(groups: readonly ErrorGroup[]): string {
  return groups
    .filter(({ recent }) => recent > 0)
    .map(({ command, code, recent }) => `${code} of ${command}${recent === 1 ? '' : ` (${recent} times)`}`)
    .join(', ');
}
