import { type ChoiceSetting, type KeyTexts, kept, offOn, onOff, reportedOnOff } from './setting.ts';

const keys = { trust: onOff };

/** The fields of a record. */
const fields = { trust: reportedOnOff };

export const trust: ChoiceSetting<typeof keys, typeof fields> = {
  name: 'trust',
  keys,
  fields,
  keyOf: { trust: 'trust' },
  struct: { type: 9, name: 'IFLA_VF_TRUST', length: 8 },
  values: offOn,
  word: 'trust',
  shown: { column: 'TRUST' },
};

export const trustTexts: KeyTexts<typeof keys> = {
  trust: {
    does: 'Whether the VF may change its MAC and receive promiscuously.',
    absent: kept,
    ip: 'ip link set PF vf N trust on|off',
    needs: 'Linux 4.4',
  },
};
