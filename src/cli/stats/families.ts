import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { version } from '../../version.ts';
import { readUsages } from '../doctor/ipam-checks.ts';
import { type ErrorGroup, readErrors } from '../node/recent-errors.ts';
import { isLeft, type KeptRecord, recordedConf } from '../node/records.ts';
import type { Survey, SurveyedVf } from '../node/survey.ts';
import { type CountedVf, countVfs } from './counters.ts';
import type { Family, Sample } from './openmetrics.ts';

type CounterKey = keyof NonNullable<CountedVf['counters']>;

/** Names of sriov-network-metrics-exporter, behind `sriov_vf_`. */
const counterNames = {
  rx_bytes: ['rxBytes', 'Bytes that the VF has received.'],
  tx_bytes: ['txBytes', 'Bytes that the VF has sent.'],
  rx_packets: ['rxPackets', 'Packets that the VF has received.'],
  tx_packets: ['txPackets', 'Packets that the VF has sent.'],
  rx_dropped: ['rxDropped', 'Packets dropped on receipt.'],
  tx_dropped: ['txDropped', 'Packets dropped when sending.'],
  rx_multicast: ['rxMulticast', 'Multicast packets that the VF has received.'],
  rx_broadcast: ['rxBroadcast', 'Broadcast packets that the VF has received.'],
  rx_errors: ['rxErrors', 'Errors on receipt, by the VF’s netdev.'],
  tx_errors: ['txErrors', 'Errors when sending, by the VF’s netdev.'],
} as const satisfies Readonly<Record<string, readonly [CounterKey, string]>>;

function counterFamilies(counted: readonly CountedVf[]): readonly Family[] {
  return Object.entries(counterNames).map(([name, [key, help]]) => ({
    name: `sriov_vf_${name}`,
    type: 'unknown',
    help,
    samples: counted.flatMap(({ pf, vf, counters }): readonly Sample[] => {
      const value = counters?.[key] ?? null;
      if (value === null) return [];
      // The PF's node, as in that exporter.
      const node = pf.sysfs.numaNode === null ? '' : String(pf.sysfs.numaNode);
      const labels = { pf: pf.link?.name ?? '', vf: String(vf.index), pciAddr: vf.sysfs.pci, numa_node: node };
      return [{ labels, value }];
    }),
  }));
}

function gauge(name: string, help: string, samples: readonly Sample[]): Family {
  return { name, type: 'gauge', help, samples };
}

const holding = (records: readonly KeptRecord[]): readonly KeptRecord[] =>
  records.filter((kept) => kept.record.vfGivenUp !== true && !isLeft(kept));

function labelsOf({ key, record }: KeptRecord): Readonly<Record<string, string>> {
  const { pod, identity } = record;
  return {
    pciAddr: identity.pci,
    namespace: pod?.namespace ?? '',
    pod: pod?.name ?? '',
    network: key.network,
    ifname: key.ifname,
  };
}

/**
 * The pod of each VF; sriov-network-metrics-exporter knows only devices of device plugins. The container is empty,
 * because a VF belongs to the whole pod.
 */
function podDevices(records: readonly KeptRecord[]): Family {
  const samples = holding(records).map((kept) => ({
    labels: { ...labelsOf(kept), dev_type: recordedConf(kept.record)?.resourceName ?? kept.key.network, container: '' },
    value: 1,
  }));
  return gauge('sriov_kubepoddevice', 'Which pod has which VF.', samples);
}

function stateOf(kept: KeptRecord): string {
  if (kept.pod === 'dead') return 'dead';
  return kept.isHalf ? 'half_done' : kept.pod === 'unknown' ? 'unknown' : 'attached';
}

const states = ['attached', 'half_done', 'dead', 'unknown'] as const;

function attachmentFamilies({ records, damaged }: Survey['kept']): readonly Family[] {
  const counted = [
    ...states.map((state) => ({
      labels: { state: String(state) },
      value: records.filter((kept) => stateOf(kept) === state).length,
    })),
    { labels: { state: 'damaged' }, value: damaged.length },
  ];
  const ages = holding(records).flatMap((kept): readonly Sample[] => {
    const seconds = Date.parse(kept.record.createdAt) / 1000;
    return Number.isFinite(seconds) ? [{ labels: labelsOf(kept), value: seconds }] : [];
  });
  return [
    gauge('dra_sriov_attachments', 'Attachments on record, by state.', counted),
    gauge('dra_sriov_attachment_created_timestamp_seconds', 'When the VF was attached, in seconds since 1970.', ages),
  ];
}

function useOf({ holder, place, netns, sriovCni }: SurveyedVf): string {
  if (holder !== null) return 'attached';
  if (netns !== null || sriovCni !== null) return 'in_pod';
  return place === 'unbound' || place === 'lost' ? place : 'free';
}

const uses = ['attached', 'in_pod', 'free', 'unbound', 'lost'] as const;

function vfFamily({ pfs }: Survey): Family {
  const samples = pfs.flatMap(({ link, sysfs, vfs }) =>
    uses.map((use) => ({
      labels: { pf: link?.name ?? '', pciAddr: sysfs.pci, use: String(use) },
      value: vfs.filter((vf) => useOf(vf) === use).length,
    })),
  );
  return gauge('dra_sriov_vfs', 'VFs of a PF, by use.', samples);
}

function subnetFamilies(platform: Platform, records: readonly KeptRecord[]): readonly Family[] {
  let usages: ReturnType<typeof readUsages> = [];
  try {
    usages = readUsages(platform, records);
  } catch (thrown) {
    // A store that can't be read doesn't keep the other metrics from being written.
    if (!isSystemError(thrown)) throw thrown;
  }
  const samplesOf = (amountOf: (usage: (typeof usages)[number]) => number): readonly Sample[] =>
    usages.map((usage) => ({
      labels: { network: usage.network, subnet: usage.subnets.join(',') },
      value: amountOf(usage),
    }));
  return [
    gauge(
      'dra_sriov_subnet_addresses_used',
      'Addresses that host-local has given on this node.',
      samplesOf(({ used }) => used),
    ),
    gauge(
      'dra_sriov_subnet_addresses_free',
      'Addresses that host-local can give yet on this node.',
      samplesOf(({ used, capacity }) => Math.max(Number(capacity) - used, 0)),
    ),
  ];
}

function errorFamilies(platform: Platform): readonly Family[] {
  const errors = readErrors(platform);
  // A file that can't be read doesn't keep the other metrics from being written.
  const groups = typeof errors === 'string' ? [] : errors;
  const samplesOf = (amountOf: (group: ErrorGroup) => number): readonly Sample[] =>
    groups.map((group) => ({ labels: { command: group.command, code: String(group.code) }, value: amountOf(group) }));
  return [
    gauge(
      'dra_sriov_errors_last_hour',
      'Verbs that have failed in the last hour, by code of the CNI error.',
      samplesOf(({ recent }) => recent),
    ),
    gauge(
      'dra_sriov_last_error_timestamp_seconds',
      'When a verb has last failed with that code, in seconds since 1970.',
      samplesOf(({ last }) => last.atMs / 1000),
    ),
  ];
}

/** All metrics of this node. Changes nothing. Throws SystemError. */
export function collectFamilies(platform: Platform, survey: Survey): readonly Family[] {
  const { records } = survey.kept;
  return [
    ...counterFamilies(countVfs(platform, survey)),
    podDevices(records),
    vfFamily(survey),
    ...attachmentFamilies(survey.kept),
    ...subnetFamilies(platform, records),
    ...errorFamilies(platform),
    gauge('dra_sriov_build_info', 'The version that wrote this.', [{ labels: { version }, value: 1 }]),
  ];
}
