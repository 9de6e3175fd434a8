import { nullable, oneOf, optional } from '../lib/json-schema.ts';
import { type ChoiceSetting, type KeyTexts, kept } from './setting.ts';

/** Indexed by IFLA_VF_LINK_STATE_*. */
const states = ['auto', 'enable', 'disable'] as const;

const keys = { link_state: optional(oneOf(...states), '') };

/** The fields of a record. */
const fields = { linkState: nullable(oneOf(...states)) };

export const linkState: ChoiceSetting<typeof keys, typeof fields> = {
  name: 'linkState',
  keys,
  fields,
  keyOf: { linkState: 'link_state' },
  struct: { type: 5, name: 'IFLA_VF_LINK_STATE', length: 8 },
  values: states,
  word: 'state',
  shown: { usual: 'auto' },
};

export const linkStateTexts: KeyTexts<typeof keys> = {
  link_state: {
    does: 'Link that the VF sees: that of the PF (`auto`), always up, or always down.',
    absent: kept,
    ip: 'ip link set PF vf N state auto|enable|disable',
    needs: 'Linux 3.11; igb does not have it',
  },
};
