import { explain } from '../cni/errors.ts';
import { parseDelConf } from '../config/parse.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { type CommandContext, keyOf } from './context.ts';
import { detach, detachIncomplete } from './detach.ts';
import { startIpam } from './ipam.ts';
import { detachFromSriovCni } from './sriov-cni.ts';
import { hasSriovCniFile } from './sriov-cni-books.ts';
import { sweep } from './sweep.ts';

/**
 * DEL (SPEC.md): gives back the VF and the address. Works from the record, and ignores what stdin says of the VF,
 * because that may have changed since. May be repeated: it succeeds if nothing is left. Then looks for leftovers of
 * other attachments.
 */
export function del(context: CommandContext): string {
  const key = keyOf(context.request);
  giveBack(context, key);
  sweep(context, key);
  return '';
}

function giveBack(context: CommandContext, key: AttachmentKey): void {
  const { locks, store, log } = context;
  const containerLock = locks.lockContainer(key.containerId, `DEL of ${key.ifname}`);
  try {
    const record = store.find(key);
    if (record === null) {
      if (hasSriovCniFile(context, key) && detachFromSriovCni(context, key)) return;
      log.info('no attachment record: only the address is released');
      releaseWithoutRecord(context);
      store.tidy(key);
      return;
    }
    const vfLock = locks.lockVf(record.identity.pci, `DEL of ${key.ifname} of container ${key.containerId}`);
    try {
      const current = store.find(key);
      const failures = current === null ? [] : detach(context, current);
      if (failures.length > 0) throw detachIncomplete(record, record.identity.pci, failures);
      log.info('detached', { pci: record.identity.pci, network: key.network, ifname: key.ifname });
    } finally {
      vfLock.unlock();
    }
  } finally {
    containerLock.unlock();
  }
}

/** Without a record this is best effort: an ADD that was refused holds nothing, and its pod has to end. */
function releaseWithoutRecord(context: CommandContext): void {
  const { log, request } = context;
  const { ipam } = parseDelConf(request);
  if (ipam === null) return;
  try {
    startIpam(context, 'DEL', ipam).finish();
  } catch (thrown) {
    const about = { type: ipam.type, reason: explain(thrown) };
    log.warning('the IPAM plugin can’t release what no record says was given', about);
  }
}
