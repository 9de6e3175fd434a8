import { integer, optional } from '../lib/json-schema.ts';
import { type KeyTexts, kept, type Setting } from './setting.ts';

/** 0 counts as absent: no netdev can have it, and Go programs that generate configs write it for an unset value. */
const keys = { mtu: optional(integer(68, 65535), 0) };

/** A setting of the netdev alone, planned in src/vf/plan.ts. */
export const mtu: Setting<typeof keys, { readonly mtu: number }> = { keys, asked: ({ mtu }) => ({ mtu }) };

export const mtuTexts: KeyTexts<typeof keys> = {
  mtu: {
    does: 'MTU of the pod’s interface, at most that of the PF. 0 is as if it were absent.',
    absent: kept,
    ip: 'ip link set NAME mtu MTU',
    needs: 'a netdev: ignored, with a warning, for a VF bound to vfio-pci',
  },
};
