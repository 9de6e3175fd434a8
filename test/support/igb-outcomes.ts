/**
 * What `probe` tells of igb and igbvf of Linux 6.12. Tests compare both the real ones in the lab with it and the
 * imitation in memory.
 */
export const outcomesOfIgb = (mtu: number, mac: string): readonly string[] => [
  'vlan 100 taken',
  'vlanQoS 5 taken',
  'vlanProto 802.1q taken',
  'vlanProto 802.1ad refused EPROTONOSUPPORT',
  `mtu ${mtu} taken`,
  'spoofchk off taken',
  'spoofchk on taken',
  'trust on taken',
  'trust off taken',
  'link_state enable refused EOPNOTSUPP',
  'link_state disable refused EOPNOTSUPP',
  'link_state auto taken',
  'min_tx_rate 50 refused EINVAL',
  'max_tx_rate 100 taken',
  `mac ${mac} taken`,
];
