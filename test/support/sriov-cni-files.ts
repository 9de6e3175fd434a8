// The files that sriov-cni leaves on a node for its DEL, in the form of its code (pkg/types/types.go, pkg/utils): one
// object of the CNI config's keys and its own, keys sorted, no line end.

export interface SriovCniVfState {
  readonly HostIFName: string;
  readonly SpoofChk: boolean;
  readonly Trust: boolean;
  readonly AdminMAC: string;
  readonly EffectiveMAC: string;
  readonly Vlan: number;
  readonly VlanQoS: number;
  readonly VlanProto: number;
  readonly MinTxRate: number;
  readonly MaxTxRate: number;
  readonly LinkState: number;
  readonly MTU: number;
}

export interface SriovCniVf {
  readonly pci: string;
  readonly pf: string;
  readonly index: number;
  /** The VF's state before ADD. */
  readonly before: SriovCniVfState;
}

/** The file `<containerID>-<ifname>`; `conf` is the config on stdin. */
export function formatSriovCniAttachment(conf: Readonly<Record<string, unknown>>, vf: SriovCniVf): string {
  const { mac, vlan, vlanQoS, vlanProto, ipam, ...others } = conf;
  const tagged = vlan !== undefined;
  const whole: Record<string, unknown> = {
    ...others,
    DPDKMode: vf.before.HostIFName === '',
    MAC: typeof mac === 'string' ? mac.toLowerCase() : '',
    MTU: vf.before.MTU,
    Master: vf.pf,
    OrigVfState: vf.before,
    VFID: vf.index,
    deviceID: vf.pci,
    dns: {},
    ipam: { type: (ipam as { readonly type?: string } | undefined)?.type ?? '' },
    max_tx_rate: conf['max_tx_rate'] ?? null,
    min_tx_rate: conf['min_tx_rate'] ?? null,
    runtimeConfig: conf['runtimeConfig'] ?? {},
    vlan: vlan ?? null,
    vlanProto: tagged ? (vlanProto ?? '802.1q') : null,
    vlanQoS: tagged ? (vlanQoS ?? 0) : null,
  };
  return JSON.stringify(Object.fromEntries(Object.entries(whole).sort(([one], [other]) => (one < other ? -1 : 1))));
}

/** The state that sriov-cni finds of an untouched VF. */
export const untouchedVf: SriovCniVfState = {
  HostIFName: 'vf0',
  SpoofChk: true,
  Trust: false,
  AdminMAC: '02:00:00:00:00:01',
  EffectiveMAC: '02:00:00:00:00:01',
  Vlan: 0,
  VlanQoS: 0,
  VlanProto: 0,
  MinTxRate: 0,
  MaxTxRate: 0,
  LinkState: 0,
  MTU: 1500,
};
