import type { Json } from '../lib/json.ts';
import { schema } from './schema.ts';

const ours: readonly string[] = Object.keys(schema.keys);

/** Keys that CNI or a runtime puts into a config (SPEC.md, "Configuration format"; libcni). */
export const cniKeys: ReadonlySet<string> = new Set([
  'capabilities',
  'dns',
  'keyArgs',
  'plugins',
  'cniVersions',
  'disableCheck',
  'disableGC',
  'loadOnlyInlinedPlugins',
  'ipMasq',
  'cni.dev/valid-attachments',
  'cni.dev/attachments',
]);

/**
 * True if the texts are equal, or if one insertion, deletion, substitution or swap of neighbours makes one of the
 * other.
 */
export function isOneEditApart(left: string, right: string): boolean {
  const [short, long] = left.length <= right.length ? [left, right] : [right, left];
  let start = 0;
  while (start < short.length && short[start] === long[start]) start++;
  const rest = (text: string, skip: number): string => text.slice(start + skip);
  if (long.length > short.length) return rest(short, 0) === rest(long, 1);
  if (rest(short, 1) === rest(long, 1)) return true;
  const swapped = short[start] === long[start + 1] && short[start + 1] === long[start];
  return swapped && rest(short, 2) === rest(long, 2);
}

/** The key of ours that differs from `key` in case alone. Go's JSON, and so sriov-cni, takes `key` for it. */
export function foldedKey(key: string): string | undefined {
  if (ours.includes(key)) return undefined;
  const lower = key.toLowerCase();
  return ours.find((own) => own.toLowerCase() === lower);
}

function meantKey(key: string): string | undefined {
  if (ours.includes(key) || cniKeys.has(key)) return undefined;
  const lower = key.toLowerCase();
  return foldedKey(key) ?? ours.find((own) => isOneEditApart(own.toLowerCase(), lower));
}

/** Top-level keys that look like ours but aren't: one edit away, ignoring case, in the order of the config. */
export function findMisspelt(config: Json): readonly { readonly key: string; readonly meant: string }[] {
  return Object.keys(config).flatMap((key) => {
    const meant = meantKey(key);
    return meant === undefined ? [] : [Object.freeze({ key, meant })];
  });
}
