import { describeRecent, readErrors } from '../node/recent-errors.ts';
import { commandName, formatAge } from '../tool.ts';
import { type Check, type Examined, note, ok, warning } from './check.ts';

/** Recent failures of verbs, as the runtime was told; null if no verb has ever failed. */
export function checkFailures({ platform }: Examined): Check | null {
  const errors = readErrors(platform);
  if (typeof errors === 'string') return note('errors', `what has failed can’t be read: ${errors}`);
  const [newest] = errors;
  if (newest === undefined) return null;
  const { command, code, last } = newest;
  const age = formatAge(platform.epochMs() - last.atMs);
  const recent = describeRecent(errors);
  if (recent === '') return ok('errors', `none in the last hour; the last was ${code} of ${command}, ${age} ago`);
  const found = `in the last hour: ${recent}; the last ${age} ago: ${last.message}`;
  return warning('errors', found, `${commandName(platform)} explain POD; docs/errors.md has each code`);
}
