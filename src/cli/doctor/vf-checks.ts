import { isEthernet } from '../../kernel/rtnl/links.ts';
import { printable, shellWord } from '../../lib/quote.ts';
import type { SriovCniEntry } from '../../state/sriov-cni-cache.ts';
import { describeWithVf, isLeft, nameAttachment } from '../node/records.ts';
import { findSurveyed, type Survey, type SurveyedPf, type SurveyedVf } from '../node/survey.ts';
import { count } from '../text.ts';
import { type Check, listSome, note, ok, warning, wrong } from './check.ts';

const vfsOf = ({ pfs }: Survey): readonly SurveyedVf[] => pfs.flatMap(({ vfs }) => vfs);
const addressOf = ({ sysfs }: SurveyedVf): string => sysfs.pci;
const nameOf = ({ link, sysfs }: SurveyedPf): string => link?.name ?? sysfs.pci;

const sriovNumVfs = ({ sysfs }: SurveyedPf): string => `/sys/bus/pci/devices/${sysfs.pci}/sriov_numvfs`;

function checkNumber(survey: Survey): Check {
  const { pfs, withoutPf } = survey;
  const vfs = vfsOf(survey);
  const [pf] = pfs;
  if (pf === undefined && withoutPf.length > 0) {
    return note(
      'vfs',
      `${count(withoutPf.length, 'VF')} without a PF here: what only a PF can set is set where they come from`,
    );
  }
  if (pf === undefined) {
    const remedy =
      'enable SR-IOV in firmware and card, and load the PF’s driver; on a virtual machine: pass a card through, or VFs for a device plugin';
    return wrong('vfs', 'no network card with SR-IOV on this node', remedy);
  }
  if (vfs.length === 0) {
    const remedy = `make some: echo N > ${sriovNumVfs(pf)}, N up to ${pf.sysfs.totalVfs}, or the SR-IOV operator’s policy`;
    return wrong('vfs', `no VFs on ${count(pfs.length, 'PF')}`, remedy);
  }
  const unheld = vfs.filter(({ holder, sriovCni }) => holder === null && sriovCni === null);
  const numberAt = (...places: readonly SurveyedVf['place'][]): number =>
    unheld.filter(({ place }) => places.includes(place)).length;
  const free = numberAt('host', 'userspace');
  const others = [
    [vfs.length - unheld.length, 'attached'],
    [numberAt('pod', 'lost'), 'held by others'],
    [numberAt('unbound'), 'without a driver'],
    [free, 'free'],
  ] as const;
  const parts = others.filter(([number, what]) => number > 0 || what === 'free');
  const found = `${count(vfs.length, 'VF')} on ${count(pfs.filter((each) => each.vfs.length > 0).length, 'PF')}: ${parts.map(([number, what]) => `${number} ${what}`).join(', ')}`;
  if (free > 0) return ok('vfs', found);
  if (numberAt('unbound') > 0) return warning('vfs', found, 'bind a driver to those that have none: see drivers');
  const roomy = pfs.find(({ sysfs }) => sysfs.numVfs < sysfs.totalVfs);
  const remedy =
    roomy === undefined
      ? 'end pods, or use further cards or nodes: these have as many VFs as they can'
      : `make more, up to ${roomy.sysfs.totalVfs}, when no VF of that PF is in use: echo 0 and then the number to ${sriovNumVfs(roomy)}`;
  return warning('vfs', `${found}: a pod that claims one more stays Pending`, remedy);
}

function checkPfs({ pfs }: Survey): Check {
  const used = pfs.filter(({ vfs }) => vfs.length > 0);
  const absent = used.filter(({ link }) => link === null);
  if (absent.length > 0) {
    const remedy = 'load its driver; it must be in the host’s network namespace';
    return wrong('pfs', `no netdev on the host: ${listSome(absent.map(nameOf))}`, remedy);
  }
  const foreign = used.filter(({ link }) => link !== null && !isEthernet(link));
  if (foreign.length > 0) {
    return warning('pfs', `no Ethernet: ${listSome(foreign.map(nameOf))}`, 'none here: their VFs are for ib-sriov-cni');
  }
  const down = used.filter(({ link }) => link?.up === false);
  if (down.length > 0) {
    return wrong(
      'pfs',
      `down: ${listSome(down.map(nameOf))}`,
      down.map((pf) => `ip link set ${nameOf(pf)} up`).join('; '),
    );
  }
  const silent = used.filter(({ link }) => link?.carrier === false);
  if (silent.length > 0)
    return warning('pfs', `no carrier: ${listSome(silent.map(nameOf))}`, 'look at cable and switch port');
  return ok('pfs', `up, with carrier: ${listSome(used.map(nameOf))}`);
}

function checkDrivers(survey: Survey): Check {
  const unbound = vfsOf(survey).filter(({ sysfs }) => sysfs.driver === null);
  const [first] = unbound;
  if (first === undefined) {
    const drivers = [...new Set(vfsOf(survey).map(({ sysfs }) => sysfs.driver))];
    return ok('drivers', `every VF has one: ${drivers.join(', ')}`);
  }
  const remedy = `load the VFs’ driver, then: echo ${first.sysfs.pci} > /sys/bus/pci/drivers_probe; or bind vfio-pci`;
  return wrong('drivers', `none bound to ${listSome(unbound.map(addressOf))}`, remedy);
}

function checkRecords(survey: Survey, self: string): Check {
  const { kept, gone } = survey;
  const { records, damaged, setAside } = kept;
  const left = records.filter(isLeft);
  if (left.length > 0) {
    const names = left.map(nameAttachment);
    return warning('records', `dead or half done: ${listSome(names)}`, `${self} gc --dry-run, then ${self} gc`);
  }
  if (gone.length > 0) {
    const names = gone.map((kept) => `${kept.record.identity.pci} (${nameAttachment(kept)})`);
    return warning(
      'records',
      `of VFs that aren’t there any more: ${listSome(names)}`,
      'restart their pods: VFs were made anew',
    );
  }
  const newer = damaged.filter(({ isNewer }) => isNewer).length;
  if (newer > 0) {
    const remedy = 'install the newer version again: this one leaves them and their VFs alone';
    return warning('records', `of a newer version of the plugin: ${newer}`, remedy);
  }
  if (damaged.length + setAside.length > 0) {
    const remedy = `${self} attachments names them; remove them when their pods are gone`;
    return warning('records', `damaged: ${damaged.length + setAside.length}`, remedy);
  }
  const unknown = records.filter(({ pod }) => pod === 'unknown').length;
  if (unknown > 0) return note('records', `${unknown} of ${records.length} of pods that can’t be looked at`);
  if (records.length === 0) return ok('records', 'no attachments');
  return ok('records', `${count(records.length, 'attachment')}, all of living pods`);
}

/**
 * Looks for attachments of sriov-cni before 2.2, which kept nothing of the VF's state of before but its name, and set
 * only its VLAN.
 */
function checkSriovCni(survey: Survey, self: string): Check | null {
  const unusable = survey.sriovCni.filter(({ attachment }) => attachment === null);
  const [first] = unusable;
  if (first === undefined) return null;
  const { path, pci, hostIfname } = first;
  const place = pci === null ? null : findSurveyed(survey, pci);
  const isHeld = (entry: SriovCniEntry): boolean => vfsOf(survey).some(({ sriovCni }) => sriovCni === entry);
  const found = `no DEL gives back ${listSome(unusable.map(describeWithVf))}: ${first.reason}`;
  const rename = hostIfname === null ? '' : `, give its netdev the name ${printable(hostIfname)}`;
  const undo =
    place === null || place.vf === null
      ? ''
      : `, see what is left of it (${self} inspect ${pci}): ip link set ${nameOf(place.pf)} vf ${place.vf.index} vlan 0${rename}`;
  const remedy = `delete its pod, where that still lives; the kernel brings the VF back as it is${undo}; then: rm ${shellWord(path)}`;
  return (unusable.some(isHeld) ? wrong : warning)('sriov-cni', found, remedy);
}

function checkAgreement(survey: Survey, self: string): Check {
  const odd = vfsOf(survey).filter(
    ({ disagreements, holder }) => disagreements.length > 0 && (holder === null || !isLeft(holder)),
  );
  const [first] = odd;
  if (first === undefined) return ok('agreement', 'records and kernel agree about every VF');
  const others = odd.length > 1 ? `; ${odd.length - 1} more` : '';
  const remedy = `${self} inspect ${first.sysfs.pci}; undo the change, or restart the pod`;
  const whose = first.holder === null ? '' : ` (${nameAttachment(first.holder)})`;
  const found = `${first.sysfs.pci}${whose}: ${first.disagreements[0]}${others}`;
  // A stray netdev may be a VF that another plugin holds, so without a record it is a warning only.
  return (odd.some(({ holder }) => holder !== null) ? wrong : warning)('agreement', found, remedy);
}

/**
 * Checks of this node's cards, VFs and records; fewer if there are no VFs. `self` is the command for this program.
 */
export function checkVfs(survey: Survey, self: string): readonly Check[] {
  const ofVfs = [checkPfs, checkDrivers, checkAgreement];
  const checks = [checkNumber, ...(vfsOf(survey).length === 0 ? [] : ofVfs), checkRecords, checkSriovCni];
  return checks.map((check) => check(survey, self)).filter((check) => check !== null);
}
