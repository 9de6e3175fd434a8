import { readFirmwareVersion } from '../../kernel/ethtool.ts';
import { listIommuGroup, pciDriverExists, readIommuGroup, readRdmaDevices } from '../../kernel/sysfs.ts';
import type { Platform } from '../../platform/platform.ts';
import { fieldsOf, keyOf, pfSettings, type VfAdminState } from '../../settings/settings.ts';
import { readQuietly, type SurveyedPf, type SurveyedVf } from '../node/survey.ts';
import type { ProbedPf, TriedValue } from './report.ts';
import { listTrials } from './trials.ts';

/** What a look at a PF and its VF tells, without any try. */
export function factsOf(platform: Platform, { sysfs, link }: SurveyedPf, vf: SurveyedVf | null): ProbedPf {
  const firmware =
    link === null ? null : readQuietly(() => readFirmwareVersion(platform, platform.ownNetns(), link.name));
  return {
    pci: sysfs.pci,
    name: link?.name ?? null,
    driver: sysfs.driver,
    firmware: firmware === '' ? null : firmware,
    up: link?.up ?? false,
    mtu: link?.mtu ?? null,
    vf: vf === null ? null : { pci: vf.sysfs.pci, index: vf.index, driver: vf.sysfs.driver },
    failure: null,
    settings: [],
    rdma: vf === null ? [] : readRdmaDevices(platform, vf.sysfs.pci),
    vfio: vf === null ? null : vfioOf(platform, vf),
  };
}

function vfioOf(platform: Platform, { sysfs: { pci } }: SurveyedVf): NonNullable<ProbedPf['vfio']> {
  const iommuGroup = readIommuGroup(platform, pci);
  const others = iommuGroup === null ? [] : listIommuGroup(platform, iommuGroup).filter((each) => each !== pci);
  return { iommuGroup, others, driver: pciDriverExists(platform, 'vfio-pci') };
}

/** The facts, with all settings that could be tried: those that the PF doesn't report are known without a try. */
export function lookAt(platform: Platform, pf: SurveyedPf, vf: SurveyedVf): ProbedPf {
  const facts = factsOf(platform, pf, vf);
  const { admin, link } = vf;
  if (link?.mac == null) return { ...facts, failure: 'that VF has no netdev on the host or in a pod' };
  const given = { mac: link.mac, mtu: link.mtu, pfMtu: facts.mtu, admin };
  const unreported = unreportedKeys(admin);
  const settings = listTrials(given).flatMap((trials) =>
    trials.map(({ key, value }): TriedValue => {
      const outcome = unreported.has(key) ? 'unreported' : 'untried';
      return { key, value: String(value), way: null, outcome, errno: null, message: null };
    }),
  );
  return { ...facts, settings };
}

/** Keys of settings that the PF doesn't report; those of the netdev itself can always be seen. */
function unreportedKeys(admin: VfAdminState | null): ReadonlySet<string> {
  const keys = pfSettings
    .filter((setting) => setting.ofNetdev !== true)
    .flatMap((setting) => fieldsOf(setting).map((field) => [field, keyOf(setting, field)] as const))
    .filter(([field]) => (admin?.[field] ?? null) === null);
  return new Set(keys.map(([, key]) => key));
}
