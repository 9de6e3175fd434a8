import { integer, optional } from '../lib/json-schema.ts';
import { type KeyTexts, type StructSetting, type VfStruct, words } from './setting.ts';

/** u32 vf, u32 min_tx_rate, u32 max_tx_rate; Mbit/s. */
const struct: VfStruct = { type: 6, name: 'IFLA_VF_RATE', length: 12 };

const rateMbps = integer(0, 4294967295);

const keys = { min_tx_rate: optional(rateMbps), max_tx_rate: optional(rateMbps) };

/** The fields of a record. */
const fields = { minTxRateMbps: integer(0), maxTxRateMbps: integer(0) };

/** 0: no limit. The kernel sets both rates or none, so if only one is given the other one is 0, as with sriov-cni. */
export const rate: StructSetting<typeof keys, typeof fields> = {
  name: 'rate',
  keys,
  fields,
  keyOf: { minTxRateMbps: 'min_tx_rate', maxTxRateMbps: 'max_tx_rate' },
  // The kernel has the same rule (rtnl_set_vf_rate, net/core/rtnetlink.c).
  conflicts: ({ min_tx_rate: min = 0, max_tx_rate: max = 0 }) => ({
    min_tx_rate:
      max !== 0 && min > max && `with max_tx_rate ${max}; allowed: at most max_tx_rate, or max_tx_rate 0 (no limit)`,
  }),
  asked: ({ min_tx_rate: min, max_tx_rate: max }) =>
    // -0 becomes 0.
    min === undefined && max === undefined ? {} : { minTxRateMbps: (min ?? 0) + 0, maxTxRateMbps: (max ?? 0) + 0 },
  read: (info) => {
    const found = info.find(struct);
    return { minTxRateMbps: found?.readUInt32LE(4) ?? 0, maxTxRateMbps: found?.readUInt32LE(8) ?? 0 };
  },
  write: ({ minTxRateMbps, maxTxRateMbps }) => [struct, words(minTxRateMbps, maxTxRateMbps)],
  ip: ({ minTxRateMbps, maxTxRateMbps }) => `min_tx_rate ${minTxRateMbps} max_tx_rate ${maxTxRateMbps}`,
  unreported: { minTxRateMbps: 0, maxTxRateMbps: 0 },
  shown: { usual: 0, unit: ' Mbps', none: 'no limit' },
};

export const rateTexts: KeyTexts<typeof keys> = {
  min_tx_rate: {
    does: 'Guaranteed transmit rate in Mbit/s, at most `max_tx_rate` unless that is 0. 0 is none.',
    absent: '0 where `max_tx_rate` is given, else the VF keeps what it has',
    ip: 'ip link set PF vf N min_tx_rate MIN max_tx_rate MAX',
    needs: 'Linux 3.16; many drivers refuse any but 0 (EINVAL)',
  },
  max_tx_rate: {
    does: 'Limit of the transmit rate in Mbit/s. 0 is no limit.',
    absent: '0 where `min_tx_rate` is given, else the VF keeps what it has',
    ip: 'ip link set PF vf N min_tx_rate MIN max_tx_rate MAX',
    needs: 'Linux 3.16',
  },
};
