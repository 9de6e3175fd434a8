import {
  type KeyTexts,
  kept,
  onOff,
  type PfSetting,
  readSwitch,
  reportedOnOff,
  type VfStruct,
  writeSwitch,
} from './setting.ts';

const struct: VfStruct = { type: 9, name: 'IFLA_VF_TRUST', length: 8 };

const keys = { trust: onOff };

/** What a record may hold of it. */
const fields = { trust: reportedOnOff };

export const trust: PfSetting<typeof keys, typeof fields> = {
  name: 'trust',
  keys,
  fields,
  keyOf: { trust: 'trust' },
  asked: ({ trust }) => ({ trust }),
  read: (info) => ({ trust: readSwitch(info, struct) }),
  write: ({ trust }) => writeSwitch(struct, trust),
  ip: ({ trust }) => `trust ${trust}`,
  shown: {
    column: { title: 'TRUST', cell: ({ trust }) => trust ?? '?' },
    fields: ({ trust }) => [['trust', trust ?? '?']],
  },
};

export const trustTexts: KeyTexts<typeof keys> = {
  trust: {
    does: 'Whether the VF may change its MAC and receive promiscuously.',
    absent: kept,
    ip: 'ip link set PF vf N trust on|off',
    needs: 'Linux 4.4',
  },
};
