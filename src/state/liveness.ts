import { isSystemError } from '../lib/system-error.ts';
import type { Platform } from '../platform/platform.ts';
import type { AttachmentRecord } from './attachment-record.ts';

/**
 * True where the attachment's pod can no longer exist: the node has booted since, or the path of its namespace is gone or
 * names another namespace now. Throws SystemError where that can't be told: who can't look must not call a pod dead.
 */
export function isDead(platform: Platform, record: AttachmentRecord): boolean {
  if (record.bootId !== platform.bootId()) return true;
  const netns = openRecordedNetns(platform, record);
  netns?.close();
  return netns === null;
}

/** The pod's namespace as recorded at ADD; null where it is gone or another one has its path now. Throws SystemError. */
export function openRecordedNetns(platform: Platform, record: AttachmentRecord): ReturnType<Platform['openNetns']> {
  if (record.bootId !== platform.bootId()) return null;
  const netns = openIfNamespace(platform, record.netns.path);
  if (netns === null) return null;
  if (String(netns.inode) === record.netns.inode && String(netns.device) === record.netns.device) return netns;
  netns.close();
  return null;
}

/** Null where nothing is at the path, or no namespace. Throws SystemError where that can’t be told. */
export function openIfNamespace(platform: Platform, path: string): ReturnType<Platform['openNetns']> {
  try {
    return platform.openNetns(path);
  } catch (thrown) {
    // What lies there now is no namespace: an unmounted bind leaves an empty file.
    if (isSystemError(thrown, 'EINVAL')) return null;
    // A process that ends at this moment: the kernel says EACCES of its namespaces (fs/proc/namespaces.c), or ESRCH, and they are gone.
    if (isSystemError(thrown, 'EACCES', 'ESRCH') && platform.stat(path) === null) return null;
    throw thrown;
  }
}
