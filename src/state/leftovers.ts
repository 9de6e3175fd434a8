import type { Platform } from '../platform/platform.ts';

/** As `Platform.writeFileAtomic` names them. */
const temporaryFile = /^\.dra-sriov-(\d+)-\d+\.tmp$/;

export const isTemporary = (name: string): boolean => temporaryFile.test(name);

/**
 * Removes the temporary files of killed processes from a directory. One whose number another process has by now stays until that
 * has ended too.
 */
export function removeDeadTemporaries(platform: Platform, directory: string): void {
  for (const name of platform.readDir(directory) ?? []) {
    const pid = temporaryFile.exec(name)?.[1];
    if (pid !== undefined && isGone(platform, pid)) platform.unlink(`${directory}/${name}`);
  }
}

/** This process has none while it looks for others'. */
function isGone(platform: Platform, pid: string): boolean {
  return Number(pid) === platform.pid || platform.stat(`${platform.paths.procfs}/${pid}`) === null;
}
