import { CniError, explain, isCniError } from '../cni/errors.ts';
import type { CniInterface, CniIp, CniResult } from '../cni/result.ts';
import type { SriovConf } from '../config/sriov-conf.ts';
import { usesInterface } from '../ipam/bookkeeping.ts';
import { giveAddresses } from '../ipam/give-addresses.ts';
import type { IpamProcess } from '../ipam/plugin.ts';
import { identifyNetns, type Namespace } from '../kernel/namespace.ts';
import {
  type EthernetLink,
  getLink,
  getLinkAfterChanges,
  isEthernet,
  setLinkMtu,
  setLinkUp,
  waitForCarrier,
} from '../kernel/rtnl/links.ts';
import { setSysctls } from '../kernel/sysctl.ts';
import { converge } from '../lib/converge.ts';
import { type MacAddress, zeroMac } from '../lib/mac-address.ts';
import { type AttachmentRecord, podLinkTraits } from '../state/attachment-record.ts';
import { applyAdminChange } from '../vf/admin.ts';
import { findInPod } from '../vf/locate.ts';
import { settleMac } from '../vf/mac.ts';
import { moveLinkTo } from '../vf/move.ts';
import { settleFlags } from '../vf/netdev-settings.ts';
import { planVf, type VfPlan } from '../vf/plan.ts';
import { getPf, takeSnapshot } from '../vf/snapshot.ts';
import type { VfIdentity } from '../vf/vf.ts';
import type { CommandContext } from './context.ts';
import { detach } from './detach.ts';
import { startIpam } from './ipam.ts';
import { changeOwnMacOf, pendingRecord, writeFirst } from './pending.ts';

/** ADD doesn't wait longer for the carrier, because the announcement that needs it is only a courtesy. */
const carrierLimitMs = 200;

/** Time of the IPAM plugin to take back what it gave. With its minute for ADD that is less than a run may take. */
const rollbackLimitMs = 30_000;

/** One ADD on one VF, from the snapshot to the result; the caller holds the VF's lock. */
export class Attachment {
  readonly #context: CommandContext;
  readonly #conf: SriovConf;
  readonly #identity: VfIdentity;
  readonly #source: string;
  readonly #pod: Namespace;

  constructor(context: CommandContext, conf: SriovConf, identity: VfIdentity, source: string, pod: Namespace) {
    this.#context = context;
    this.#conf = conf;
    this.#identity = identity;
    this.#source = source;
    this.#pod = pod;
  }

  /**
   * Throws CniError after a rollback; rollbackIncomplete if something could not be undone, so that the record stays.
   */
  attach(previous: CniResult): CniResult {
    const { platform, host, store } = this.#context;
    this.#refuseTakenName();
    const pf = getPf(platform, host, this.#identity);
    const snapshot = takeSnapshot(platform, host, this.#identity, pf);
    const plan = planVf(this.#conf.settings, this.#identity, snapshot, pf);
    let record = this.#pendingRecord(snapshot, plan);
    let ipam: IpamProcess | null = null;
    writeFirst(this.#context, record);
    try {
      const { ipam: wanted } = this.#conf;
      const isEarly = wanted !== null && !usesInterface(wanted.type);
      if (isEarly) ipam = startIpam(this.#context, 'ADD', wanted);
      record = changeOwnMacOf(this.#context, record, plan.mac);
      if (pf !== null) applyAdminChange(host, pf, this.#identity, plan.admin);
      record = this.#moveIntoPod(record);
      this.#configureInPod(record, plan);
      if (wanted !== null && !isEarly) {
        // Frames that are sent without a carrier are lost, and a DHCP client asks again only seconds later.
        if (record.podIfindex !== null) this.#waitForCarrier(record.podIfindex);
        ipam = startIpam(this.#context, 'ADD', wanted);
      }
      const addresses = ipam?.finishAdd() ?? null;
      record = this.#applyAddresses(record, addresses);
      store.update({ ...record, phase: 'attached' });
      return this.#extend(previous, record, addresses);
    } catch (thrown) {
      ipam?.settle();
      throw this.#rollBack(ipam?.gaveNothing === false ? record : withoutAddress(record), thrown);
    }
  }

  #refuseTakenName(): void {
    const { ifname } = this.#context.request;
    const taken = getLink(this.#pod.session, { name: ifname });
    if (taken === null) return;
    const how = taken.name === ifname ? 'an interface' : `an altname of ${taken.name}`;
    throw new CniError('interfaceNameTaken', `the pod has ${how} called ${ifname} already`);
  }

  #pendingRecord(snapshot: AttachmentRecord['snapshot'], plan: VfPlan): AttachmentRecord {
    const { platform, request } = this.#context;
    const { ipam, pod } = this.#conf;
    const { stdin, pluginDirs } = request;
    const args = platform.environment['CNI_ARGS'] ?? '';
    return pendingRecord(this.#context, {
      identity: this.#identity,
      resolvedFrom: this.#source,
      snapshot,
      mac: plan.mac,
      netns: { path: request.netns, ...identifyNetns(this.#pod) },
      pod,
      ipam: ipam === null ? null : { type: ipam.type, stdin, args, pluginDirs },
    });
  }

  #moveIntoPod(record: AttachmentRecord): AttachmentRecord {
    const { platform, host, request } = this.#context;
    const { netdev } = record.snapshot;
    if (netdev === null) return record;
    const link = getLinkAfterChanges(host.session, netdev.ifindex);
    if (link === null) throw new CniError('noDriver', `the netdev ${netdev.name} of VF ${this.#identity.pci} vanished`);
    // The node or a pod before may have set PROMISC and the like. A pod that wants such a flag can set it itself.
    settleFlags(host, link);
    moveLinkTo(host, link, this.#pod, request.ifname);
    const moved = findInPod(platform, this.#pod, podLinkTraits(record));
    if (moved !== null) return { ...record, podIfindex: moved.ifindex };
    throw new CniError('kernel', `VF ${this.#identity.pci} is not in the pod after its move`);
  }

  #configureInPod(record: AttachmentRecord, plan: VfPlan): void {
    if (record.podIfindex === null) return;
    const { platform, request, log } = this.#context;
    const ifindex = record.podIfindex;
    const sysctls = [
      ['ipv4', 'arp_notify'],
      ['ipv6', 'ndisc_notify'],
      ['ipv6', 'optimistic_dad'],
    ].map(([family, key]) => [`net/${family}/conf/${request.ifname}/${key}`, '1'] as const);
    for (const failure of setSysctls(platform, this.#pod.netns, sysctls)) {
      log.warning('a sysctl is not set', { reason: explain(failure) });
    }
    const { mtu } = plan;
    if (mtu !== null) this.#pod.change(ifindex, (session) => setLinkMtu(session, ifindex, mtu));
    this.#pod.change(ifindex, (session) => setLinkUp(session, ifindex));
    if (plan.mac !== null) settleMac(platform, this.#pod, this.#podLink(ifindex), plan.mac, this.#identity);
  }

  /** Waits for the carrier, adds what IPAM gave and announces it. */
  #applyAddresses(record: AttachmentRecord, ipam: CniResult | null): AttachmentRecord {
    if (ipam === null || record.podIfindex === null) return record;
    const { platform, request, log } = this.#context;
    const ifindex = record.podIfindex;
    const hasCarrier = this.#waitForCarrier(ifindex);
    if (!hasCarrier) log.warning('no carrier: the addresses are not announced', { waitedMs: carrierLimitMs });
    const link = { ifindex, ifname: request.ifname };
    const macToAnnounce = hasCarrier ? (): MacAddress => this.#podLink(ifindex).mac : null;
    return { ...record, ...giveAddresses(platform, log, this.#pod, link, ipam, macToAnnounce) };
  }

  #waitForCarrier(ifindex: number): boolean {
    return waitForCarrier(this.#context.platform, this.#pod, ifindex, carrierLimitMs);
  }

  #extend(previous: CniResult, record: AttachmentRecord, ipam: CniResult | null): CniResult {
    const index = previous.interfaces.length;
    const ips = (ipam?.ips ?? []).map(({ address, gateway }): CniIp => {
      return { address, ...(gateway === undefined ? {} : { gateway }), interface: index };
    });
    const hasDns = ipam !== null && Object.keys(ipam.dns).length > 0;
    return {
      interfaces: [...previous.interfaces, this.#describeInterface(record)],
      ips: [...previous.ips, ...ips],
      routes: [...previous.routes, ...(ipam?.routes ?? [])],
      dns: hasDns ? ipam.dns : previous.dns,
    };
  }

  /**
   * A VF of a user-space driver has no interface in the pod. The result claims one with a `sandbox` all the same, as
   * sriov-cni's does, because Multus's network status has no others, and KubeVirt looks VFs up by it. Its MAC is the
   * one that the PF has; there is no MTU.
   */
  #describeInterface(record: AttachmentRecord): CniInterface {
    const { request } = this.#context;
    const place = { sandbox: request.netns, pciID: this.#identity.pci };
    if (record.podIfindex === null) {
      const mac = record.mac ?? record.snapshot.admin?.mac ?? zeroMac;
      return { name: request.ifname, ...(mac === zeroMac ? {} : { mac }), ...place };
    }
    const { mac, mtu } = this.#podLink(record.podIfindex);
    return { name: request.ifname, mac, mtu, ...place };
  }

  #podLink(ifindex: number): EthernetLink {
    const link = getLinkAfterChanges(this.#pod.session, ifindex);
    if (link !== null && isEthernet(link)) return link;
    throw new CniError('kernel', `VF ${this.#identity.pci} vanished from the pod while it was set up`);
  }

  #rollBack(record: AttachmentRecord, thrown: unknown): unknown {
    const releasing = { ...this.#context.releasing, limitMs: rollbackLimitMs };
    const failures = [...detach({ ...this.#context, releasing }, record)];
    if (failures.length === 0) return thrown;
    // The rollback has to know that no address was given: then a failing DEL of the plugin is no reason to keep the
    // record.
    if (record.ipam?.gaveNothing === true) {
      failures.push(...converge([['write the record', () => this.#context.store.write(record)]]));
    }
    const left = failures.map((failure) => explain(failure)).join('; ');
    const code = isCniError(thrown) ? ` (code ${thrown.code})` : '';
    return new CniError('rollbackIncomplete', `${explain(thrown)}${code}; and the rollback is incomplete: ${left}`);
  }
}

/** The IPAM plugin was not started, or its ADD ended by itself with an error. */
function withoutAddress(record: AttachmentRecord): AttachmentRecord {
  return record.ipam === null ? record : { ...record, ipam: { ...record.ipam, gaveNothing: true } };
}
