import { spawnSync } from 'node:child_process';

/**
 * True where this machine can build the newest peers; only without Go may the tests that need those be skipped in CI.
 */
export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0;
}
