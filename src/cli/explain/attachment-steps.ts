import { canonicalCidr } from '../../kernel/ip-text.ts';
import { listAddresses } from '../../kernel/rtnl/addresses.ts';
import { shellWord } from '../../lib/quote.ts';
import { isLeft, type KeptRecord } from '../node/records.ts';
import { readNetdev, type Survey, type SurveyedPf, type SurveyedVf } from '../node/survey.ts';
import type { Plan } from '../resolve/plan.ts';
import { formatAge, type Tool } from '../tool.ts';
import { broken, fine, type Next, type Step, untold } from './steps.ts';

/** A VF, and its PF. */
export interface Place {
  readonly pf: SurveyedPf;
  readonly vf: SurveyedVf;
}

export const inspectVf = (pci: string): Next => ({ own: `inspect ${pci}` });

function choiceStep(podUid: string | null, { network, outcome, prospects, attached }: Plan): Step {
  const { found, failure } = outcome;
  const next = { own: `resolve --pod-uid ${podUid ?? 'UID'} --network ${network}` };
  const recorded = attached?.record.identity.pci ?? null;
  if (found === null) {
    if (recorded !== null) return untold('vf', `${recorded}, by its record; the search finds none any more`);
    return broken('vf', `none: error ${failure?.code}: ${failure?.message}`, 'config with claims', next);
  }
  if (recorded !== null && recorded !== found.pci) {
    return broken('vf', `${recorded} is attached, ${found.pci} is what it would get now`, 'record with search', next);
  }
  if (prospects.obstacle !== null && recorded === null) {
    const { code, message } = prospects.obstacle;
    return broken('vf', `${found.pci}, but ADD fails: error ${code}: ${message}`, 'VF with what ADD needs', next);
  }
  return fine('vf', `${found.pci}, by ${found.source}`, recorded === null ? null : 'record with search');
}

function recordStep({ attached, network, ifname }: Plan, nowMs: number, next: Next): Step {
  if (attached === null) {
    const found = 'none: ADD has not ended, has failed, or was not asked of this plugin';
    return broken('record', found, null, next);
  }
  const { record, isHalf } = attached;
  const age = formatAge(nowMs - Date.parse(record.createdAt));
  if (isHalf) {
    return broken('record', `${record.phase}, begun ${age} ago: under way, or killed`, null, { own: 'gc --dry-run' });
  }
  return fine('record', `${ifname} of network ${network}, attached ${age} ago`);
}

export function deviceStep({ vf }: Place, attached: KeptRecord | null): Step {
  const { sysfs, index, holder } = vf;
  const what = `VF ${index}, ${sysfs.driver ?? 'no driver'}`;
  const others = holder !== null && (attached === null || holder.key.containerId !== attached.key.containerId);
  if (others && !isLeft(holder)) {
    const found = `${what}, held by ${holder.key.ifname} of container ${holder.key.containerId.slice(0, 13)}`;
    return broken('device', found, 'records with each other', inspectVf(sysfs.pci));
  }
  if (attached !== null && attached.record.identity.driver !== sysfs.driver) {
    const found = `${what}; at ADD it was ${attached.record.identity.driver}`;
    return broken('device', found, 'sysfs with record', inspectVf(sysfs.pci));
  }
  if (sysfs.driver === null) return broken('device', what, null, `echo ${sysfs.pci} > /sys/bus/pci/drivers_probe`);
  return fine('device', what, attached === null ? null : 'sysfs with record');
}

export function pfStep({ pf }: Place): Step {
  const { link, sysfs } = pf;
  if (link === null) return broken('pf', `${sysfs.pci} has no netdev on the host`, null, inspectVf(sysfs.pci));
  const name = `${link.name} (${sysfs.pci}, ${sysfs.driver ?? 'no driver'})`;
  if (!link.up) return broken('pf', `${name} is down`, null, `ip link set ${link.name} up`);
  if (!link.carrier) return broken('pf', `${name} has no carrier`, null, `ethtool ${link.name}`);
  return fine('pf', `${name}, up, MTU ${link.mtu}`);
}

/** `changed` has the differences between the PF's settings and those of ADD, in words. */
export function settingsStep({ vf }: Place, changed: readonly string[], isHeld: boolean): Step {
  const { admin, sysfs } = vf;
  if (changed.length > 0) {
    return broken('settings', changed.join('; '), 'PF with config of ADD', inspectVf(sysfs.pci));
  }
  if (admin === null) return untold('settings', 'the PF tells none');
  const vlan = admin.vlan === 0 ? 'no VLAN' : `VLAN ${admin.vlan} QoS ${admin.vlanQos} ${admin.vlanProtocol}`;
  const found = `${vlan}, spoofchk ${admin.spoofchk ?? '?'}, trust ${admin.trust ?? '?'}`;
  return fine('settings', found, isHeld ? 'PF with config of ADD' : null);
}

function addressStep({ platform }: Tool, { vf }: Place, { record }: KeptRecord): Step {
  if (record.addresses.length === 0) {
    return fine('addresses', record.ipam === null ? 'none: the network has no ipam' : 'none given by its IPAM plugin');
  }
  const { link, place } = vf;
  const isThere = place === 'pod' && link !== null;
  if (!isThere) return untold('addresses', `${record.addresses.join(', ')}, by the record`);
  const present = readNetdev(platform, vf, ({ session }) => listAddresses(session, link.ifindex)) ?? [];
  const wanted = record.addresses.map((cidr) => ({
    cidr,
    found: present.find((one) => one.cidr === canonicalCidr(cidr)),
  }));
  const absent = wanted.filter(({ found }) => found === undefined).map(({ cidr }) => cidr);
  const used = wanted.filter(({ found }) => found?.duplicate === true).map(({ cidr }) => cidr);
  const compared = 'interface with record';
  const next = `nsenter --net=${vf.netns ?? record.netns.path} ip addr show ${shellWord(record.key.ifname)}`;
  if (absent.length > 0) return broken('addresses', `missing: ${absent.join(', ')}`, compared, next);
  if (used.length > 0) return broken('addresses', `another host has ${used.join(', ')}`, compared, next);
  return fine('addresses', record.addresses.join(', '), compared);
}

function interfaceStep(place: Place, { record, pod, key }: KeptRecord): Step {
  if (pod === 'dead') return broken('interface', 'the pod’s namespace is gone', null, { own: 'gc --dry-run' });
  if (record.snapshot.netdev === null) return servedInUserSpace(place);
  if (pod === 'unknown') return untold('interface', 'the pod’s namespace can’t be looked at from here');
  return linkStep(place, key.ifname, record.netns.path);
}

export const servedInUserSpace = ({ vf }: Place): Step =>
  fine('interface', `none: ${vf.sysfs.driver} serves it in user space`);

/** The VF's netdev in the pod. `netns` is that of ADD, shown if none is known now. */
export function linkStep({ vf }: Place, ifname: string, netns: string): Step {
  const { link, place, sysfs } = vf;
  const next = inspectVf(sysfs.pci);
  const compared = 'namespace with record';
  if (place !== 'pod' || link === null) {
    const where = place === 'host' ? `on the host${link === null ? '' : `, as ${link.name}`}` : place;
    return broken('interface', `not in the pod: ${where}`, compared, next);
  }
  if (link.name !== ifname) {
    return broken('interface', `it is called ${link.name}, recorded is ${ifname}`, compared, next);
  }
  const enter = `nsenter --net=${vf.netns ?? netns} ip -s link show ${shellWord(link.name)}`;
  if (!link.up) return broken('interface', `${link.name} is down`, compared, enter);
  if (!link.carrier) return broken('interface', `${link.name} has no carrier`, compared, enter);
  return fine('interface', `${link.name} in ${vf.netns}, up, MAC ${link.mac}, MTU ${link.mtu}`, compared);
}

export function findPlace({ pfs }: Survey, pci: string): Place | null {
  for (const pf of pfs) {
    const vf = pf.vfs.find(({ sysfs }) => sysfs.pci === pci);
    if (vf !== undefined) return { pf, vf };
  }
  return null;
}

export const notHere = (pci: string): Step =>
  broken('device', `${pci} is not on this node: VFs were made anew`, 'sysfs with record', { own: 'inspect' });

function stepsOfVf(tool: Tool, survey: Survey, pci: string, attached: KeptRecord | null): readonly Step[] {
  const place = findPlace(survey, pci);
  if (place === null) {
    if (survey.withoutPf.some((address) => address === pci)) return [untold('device', 'its PF is on another machine')];
    return [notHere(pci)];
  }
  const ofVf = [
    deviceStep(place, attached),
    pfStep(place),
    settingsStep(place, place.vf.changedSettings, place.vf.holder !== null),
  ];
  if (attached === null) return ofVf;
  return [...ofVf, interfaceStep(place, attached), addressStep(tool, place, attached)];
}

/** The chain of one attachment, from the choice of its VF to the interface in the pod. Throws SystemError. */
export function attachmentSteps(tool: Tool, survey: Survey, podUid: string | null, plan: Plan): readonly Step[] {
  const pci = plan.attached?.record.identity.pci ?? plan.outcome.found?.pci;
  const choice = choiceStep(podUid, plan);
  const record = recordStep(
    plan,
    tool.platform.epochMs(),
    choice.next ?? `kubectl get events -A --field-selector involvedObject.uid=${podUid}`,
  );
  return [choice, record, ...(pci === undefined ? [] : stepsOfVf(tool, survey, pci, plan.attached))];
}
