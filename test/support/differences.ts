// Compares what `ip -j` shows, and results of plugins, field by field.

type Json = Readonly<Record<string, unknown>>;

/** `what: ours, theirs` of one field. */
export interface Difference {
  readonly where: string;
  readonly ours: unknown;
  readonly theirs: unknown;
}

/** Fields that change from run to run: ifindexes, and the flags of duplicate detection, which has a test of its own. */
const ignored = new Set(['ifindex', 'link_index', 'link_netnsid', 'nodad', 'optimistic', 'tentative']);

/** The fields in which two JSON values differ. */
export function differences(ours: unknown, theirs: unknown, where = ''): Difference[] {
  if (typeof ours !== 'object' || typeof theirs !== 'object' || ours === null || theirs === null) {
    return ours === theirs ? [] : [{ where, ours, theirs }];
  }
  const keys = [...new Set([...Object.keys(ours), ...Object.keys(theirs)])].filter((key) => !ignored.has(key));
  return keys.flatMap((key) => {
    const [one, other] = [(ours as Json)[key], (theirs as Json)[key]];
    return differences(one, other, where === '' ? key : `${where}.${key}`);
  });
}
