import { explain } from '../cni/errors.ts';
import type { Link } from '../kernel/rtnl/links.ts';
import { changeVf } from '../kernel/rtnl/vfs.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import type { VfAdminState } from '../settings/settings.ts';
import { settleMac } from './mac.ts';
import { clearAdminMac, readMac, setMacAnew, tryLinkMac, tryTrustedMac } from './mac-quirks.ts';
import type { SettledNetdev } from './netdev-settings.ts';
import type { Pf, VfIdentity, VfSnapshot } from './vf.ts';

/** A VF that is on the host. */
export interface SettledVf extends SettledNetdev {
  readonly identity: VfIdentity;
}

/**
 * Gives netdev and PF the MACs of the snapshot: the netdev first, while the PF may still allow it; then the PF; then
 * the netdev again, if the PF has changed or barred its MAC. Throws SystemError, and CniError settingRefused.
 */
export function restoreMacs(
  at: SettledVf,
  pf: Pf | null,
  link: Link | null,
  snapshot: VfSnapshot,
  readAdmin: () => VfAdminState | null,
): void {
  const { platform, host, identity } = at;
  // No netdev takes all zeros. A netdev that had them gets a MAC from its driver when it goes up.
  const had = snapshot.netdev?.mac ?? zeroMac;
  const own = link === null || had === zeroMac ? null : { link, mac: had };
  if (own !== null) {
    if (snapshot.macIsFree === true && pf !== null) freeMac(at, pf, own.link, own.mac);
    tryLinkMac(host, own.link, own.mac);
  }
  const isCleared = pf !== null && snapshot.admin !== null && restoreAdminMac(at, pf, snapshot.admin.mac, readAdmin);
  if (own === null) return;
  // The look comes even if nothing was changed, because drivers change a MAC late.
  const hasOwn = (): boolean => readMac(host, own.link.ifindex) === own.mac || tryLinkMac(host, own.link, own.mac);
  if (isCleared ? setMacAnew(host, own.link, own.mac) : hasOwn()) return;
  if (pf !== null && tryTrustedMac(host, pf, own.link, own.mac)) return;
  settleMac(platform, host, own.link, own.mac, identity);
}

/**
 * Lets the VF change its MAC again, which the PF has guarded since ADD. As in tryLinkMac a first refusal isn't
 * believed.
 */
function freeMac({ host }: SettledVf, pf: Pf, link: Link, mac: MacAddress): void {
  const isCleared = clearAdminMac(host, pf) === null || clearAdminMac(host, pf) === null;
  if (isCleared && link.mac === mac) setMacAnew(host, link, mac);
}

/**
 * True if the PF's MAC was cleared. A driver that refuses that is no failure, because the next ADD sets a MAC anyway.
 */
function restoreAdminMac(
  { host, log, pci }: SettledVf,
  pf: Pf,
  mac: MacAddress,
  readAdmin: () => VfAdminState | null,
): boolean {
  const now = readAdmin();
  if (now === null || now.mac === mac) return false;
  if (mac !== zeroMac) {
    host.change(pf.ifindex, (session) => changeVf(session, pf, pf.vfIndex, { mac }));
    return false;
  }
  const refusal = clearAdminMac(host, pf);
  if (refusal === null) return true;
  log.warning('the PF keeps the MAC of the VF', { pci, mac: now.mac, reason: explain(refusal) });
  return false;
}
