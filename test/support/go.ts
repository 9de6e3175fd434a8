import { spawnSync } from 'node:child_process';

/**
 * True if this machine can build the newest peers. Tests that need those may be skipped in CI only without Go.
 */
export function hasGo(): boolean {
  return spawnSync('go', ['version']).status === 0;
}
