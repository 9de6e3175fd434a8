import { nullable, oneOf, optional } from '../lib/json-schema.ts';
import { type KeyTexts, kept, type PfSetting, readNumber, type VfStruct, words } from './setting.ts';

const struct: VfStruct = { type: 5, name: 'IFLA_VF_LINK_STATE', length: 8 };

/** By IFLA_VF_LINK_STATE_*. */
const states = ['auto', 'enable', 'disable'] as const;

const keys = { link_state: optional(oneOf(...states), '') };

/** What a record may hold of it. */
const fields = { linkState: nullable(oneOf(...states)) };

export const linkState: PfSetting<typeof keys, typeof fields> = {
  name: 'linkState',
  keys,
  fields,
  keyOf: { linkState: 'link_state' },
  asked: ({ link_state: linkState }) => ({ linkState }),
  read: (info) => ({ linkState: states[readNumber(info, struct)] ?? null }),
  write: ({ linkState }) => [struct, words(states.indexOf(linkState))],
  ip: ({ linkState }) => `state ${linkState}`,
  shown: {
    unusual: ({ linkState }) => (linkState === null || linkState === 'auto' ? null : `link_state ${linkState}`),
    fields: ({ linkState }) => [['link_state', linkState ?? '?']],
  },
};

export const linkStateTexts: KeyTexts<typeof keys> = {
  link_state: {
    does: 'Link that the VF sees: that of the PF (`auto`), always up, or always down.',
    absent: kept,
    ip: 'ip link set PF vf N state auto|enable|disable',
    needs: 'Linux 3.11; igb does not have it',
  },
};
