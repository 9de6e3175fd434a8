import { type ChoiceSetting, type KeyTexts, kept, offOn, onOff, reportedOnOff } from './setting.ts';

const keys = { spoofchk: onOff };

/** The fields of a record. */
const fields = { spoofchk: reportedOnOff };

export const spoofchk: ChoiceSetting<typeof keys, typeof fields> = {
  name: 'spoofchk',
  keys,
  fields,
  keyOf: { spoofchk: 'spoofchk' },
  struct: { type: 4, name: 'IFLA_VF_SPOOFCHK', length: 8 },
  values: offOn,
  word: 'spoofchk',
  shown: { column: 'SPOOF' },
};

export const spoofchkTexts: KeyTexts<typeof keys> = {
  spoofchk: {
    does: 'Whether the PF drops frames from the VF that carry another MAC than the VF’s.',
    absent: kept,
    ip: 'ip link set PF vf N spoofchk on|off',
    needs: 'Linux 3.2; some drivers can’t turn it off (EOPNOTSUPP)',
  },
};
