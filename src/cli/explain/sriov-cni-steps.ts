import { differingFields, keyOf, pfSettings } from '../../settings/settings.ts';
import type { SriovCniAttachment, SriovCniEntry } from '../../state/sriov-cni-cache.ts';
import { isUserspaceDriver } from '../../vf/identity.ts';
import { difference } from '../../vf/verify.ts';
import type { Survey } from '../node/survey.ts';
import {
  deviceStep,
  findPlace,
  inspectVf,
  linkStep,
  notHere,
  type Place,
  pfStep,
  servedInUserSpace,
  settingsStep,
} from './attachment-steps.ts';
import { broken, fine, type Step } from './steps.ts';

function changedSettings({ vf }: Place, { settings }: SriovCniAttachment): readonly string[] {
  const { admin } = vf;
  if (admin === null) return [];
  return pfSettings.flatMap((setting) =>
    differingFields(setting, admin, settings).flatMap((field) =>
      difference(keyOf(setting, field), admin[field], settings[field]),
    ),
  );
}

function interfaceStep(place: Place, { ifname }: SriovCniEntry, { netdev }: SriovCniAttachment): Step {
  const { vf } = place;
  if (netdev === null && isUserspaceDriver(vf.sysfs.driver ?? '')) return servedInUserSpace(place);
  if (vf.place !== 'lost') return linkStep(place, ifname, '');
  const found = 'neither on the host nor in a namespace of a process: the pod is gone, or can’t be seen from here';
  return broken('interface', found, 'namespaces with sriov-cni’s file', inspectVf(vf.sysfs.pci));
}

/** The chain of an attachment that sriov-cni made before this plugin took its place on the node. */
export function sriovCniSteps(survey: Survey, entry: SriovCniEntry): readonly Step[] {
  const { attachment, path, reason } = entry;
  if (attachment === null) {
    const found = `${path} of sriov-cni can’t be used: ${reason}; no DEL gives its VF back`;
    return [broken('record', found, null, { own: 'inspect' })];
  }
  const { pci } = attachment;
  const choice = fine('vf', `${pci}, chosen by sriov-cni`);
  const record = fine('record', `attached by sriov-cni, which wrote ${path}; this plugin’s DEL gives it back`);
  const place = findPlace(survey, pci);
  if (place === null) return [choice, record, notHere(pci)];
  return [
    choice,
    record,
    deviceStep(place, null),
    pfStep(place),
    settingsStep(place, changedSettings(place, attachment), true),
    interfaceStep(place, entry, attachment),
  ];
}
