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

const struct: VfStruct = { type: 4, name: 'IFLA_VF_SPOOFCHK', length: 8 };

const keys = { spoofchk: onOff };

/** What a record may hold of it. */
const fields = { spoofchk: reportedOnOff };

export const spoofchk: PfSetting<typeof keys, typeof fields> = {
  name: 'spoofchk',
  keys,
  fields,
  keyOf: { spoofchk: 'spoofchk' },
  asked: ({ spoofchk }) => ({ spoofchk }),
  read: (info) => ({ spoofchk: readSwitch(info, struct) }),
  write: ({ spoofchk }) => writeSwitch(struct, spoofchk),
  ip: ({ spoofchk }) => `spoofchk ${spoofchk}`,
  shown: {
    column: { title: 'SPOOF', cell: ({ spoofchk }) => spoofchk ?? '?' },
    fields: ({ spoofchk }) => [['spoofchk', spoofchk ?? '?']],
  },
};

export const spoofchkTexts: KeyTexts<typeof keys> = {
  spoofchk: {
    does: 'Whether the PF drops frames from the VF that carry another MAC than the VF’s.',
    absent: kept,
    ip: 'ip link set PF vf N spoofchk on|off',
    needs: 'Linux 3.2; some drivers can’t turn it off (EOPNOTSUPP)',
  },
};
