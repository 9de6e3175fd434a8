import { quote } from '../lib/quote.ts';
import { CniError } from './errors.ts';
import type { CniCommand } from './request.ts';

/** Oldest first. */
export const supportedVersions = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const;

export type CniVersion = (typeof supportedVersions)[number];

export const newestVersion: CniVersion = '1.1.0';

/** The version of a config without `cniVersion` (SPEC.md, "Configuration format"). */
export const impliedVersion: CniVersion = '0.1.0';

/** The first version that has the verb. */
const verbSince: Readonly<Partial<Record<CniCommand, CniVersion>>> = { CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' };

export function isSupportedVersion(version: string): version is CniVersion {
  return (supportedVersions as readonly string[]).includes(version);
}

/** Negative, zero or positive, as `left` is older than, the same as or newer than `right`; both `major.minor.patch`. */
export function compareVersions(left: string, right: string): number {
  const rights = right.split('.').map(Number);
  const differences = left.split('.').map((part, at) => Number(part) - (rights[at] ?? 0));
  return differences.find((difference) => difference !== 0) ?? 0;
}

export function atLeast(version: string, minimum: CniVersion): boolean {
  return compareVersions(version, minimum) >= 0;
}

/**
 * Throws CniError incompatibleVersion if this plugin does not speak `version`, or `version` does not have the verb.
 */
export function checkVersion(command: CniCommand, version: string): asserts version is CniVersion {
  if (!isSupportedVersion(version)) {
    const allowed = supportedVersions.join(', ');
    throw new CniError('incompatibleVersion', `cniVersion: ${quote(version)} is not supported; allowed: ${allowed}`);
  }
  const since = verbSince[command];
  if (since !== undefined && !atLeast(version, since)) {
    const what = `cniVersion: ${quote(version)} does not have ${command}; allowed: ${since} or newer`;
    throw new CniError('incompatibleVersion', what);
  }
}

/** What VERSION prints (SPEC.md, "VERSION Success"). */
export function formatVersions(): string {
  return JSON.stringify({ cniVersion: newestVersion, supportedVersions });
}
