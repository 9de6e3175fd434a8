import { integer, optional } from '../lib/json-schema.ts';
import { type KeyTexts, kept, type Setting } from './setting.ts';

/** No netdev can have 0, and programs that generate configs in Go write it for what nobody has set. */
const keys = { mtu: optional(integer(68, 65535), 0) };

/** Of the netdev alone: what becomes of it is planned in src/vf/plan.ts. */
export const mtu: Setting<typeof keys, { readonly mtu: number }> = { keys, asked: ({ mtu }) => ({ mtu }) };

export const mtuTexts: KeyTexts<typeof keys> = {
  mtu: {
    does: 'MTU of the pod’s interface, at most that of the PF. 0 is as if it were absent.',
    absent: kept,
    ip: 'ip link set NAME mtu MTU',
    needs: 'a netdev: ignored, with a warning, for a VF bound to vfio-pci',
  },
};
