import type { Link } from '../../kernel/rtnl/links.ts';
import type { DamagedRecord, KeptRecord } from './records.ts';
import type { Survey, SurveyedPf, SurveyedVf } from './survey.ts';

// The shapes that `--json` prints (docs/operations.md). Keys are added, never changed or taken away.

function linkJson(link: Link | null, netns: string | null): unknown {
  if (link === null) return null;
  const { name, ifindex, mac, mtu, up, carrier, altnames } = link;
  return { name, ifindex, netns, mac, mtu, up, carrier, altnames };
}

export function attachmentJson({ key, record, pod, isHalf }: KeptRecord, nowMs: number): unknown {
  return {
    ...key,
    pod: record.pod,
    podState: pod,
    phase: record.phase,
    halfDone: isHalf,
    createdAt: record.createdAt,
    ageSeconds: Math.max(Math.floor((nowMs - Date.parse(record.createdAt)) / 1000), 0),
    netns: record.netns.path,
    pci: record.identity.pci,
    pf: record.identity.pfName,
    vf: record.identity.vfIndex,
    driver: record.identity.driver,
    resolvedFrom: record.resolvedFrom,
    addresses: record.addresses,
  };
}

export function damagedJson({ key, reason, isNewer }: DamagedRecord): unknown {
  return { ...key, reason, newer: isNewer };
}

export function vfJson(pf: SurveyedPf, vf: SurveyedVf): unknown {
  const { sysfs, index, place, link, netns, admin, holder, sriovCni, disagreements } = vf;
  const { pci, driver, numaNode, vendor, device } = sysfs;
  return {
    pci,
    pf: pf.link?.name ?? null,
    pfPci: pf.sysfs.pci,
    vf: index,
    driver,
    vendor,
    device,
    numaNode,
    place,
    netdev: linkJson(link, netns),
    admin,
    holder:
      holder === null
        ? null
        : {
            ...holder.key,
            pod: holder.record.pod,
            podState: holder.pod,
            phase: holder.record.phase,
            halfDone: holder.isHalf,
            createdAt: holder.record.createdAt,
          },
    sriovCni:
      sriovCni === null
        ? null
        : { containerId: sriovCni.containerId, ifname: sriovCni.ifname, network: sriovCni.network },
    disagreements,
  };
}

export function pfJson(pf: SurveyedPf): unknown {
  const { sysfs, link, vfs } = pf;
  const { pci, driver, numaNode, vendor, device, numVfs, totalVfs } = sysfs;
  const netdev = linkJson(link, null);
  return { pci, driver, vendor, device, numaNode, netdev, numVfs, totalVfs, vfs: vfs.map((vf) => vfJson(pf, vf)) };
}

export function surveyJson({ pfs, withoutPf }: Survey): unknown {
  return { pfs: pfs.map(pfJson), withoutPf };
}
