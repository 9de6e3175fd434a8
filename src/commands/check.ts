import { CniError } from '../cni/errors.ts';
import type { CniResult } from '../cni/result.ts';
import { parsePrevResult } from '../cni/result-versions.ts';
import { parseConf } from '../config/parse.ts';
import type { SriovConf } from '../config/sriov-conf.ts';
import { addressDifferences, routeDifferences } from '../ipam/verify.ts';
import { Namespace } from '../kernel/namespace.ts';
import { getLink, type Link } from '../kernel/rtnl/links.ts';
import { type AttachedVf, type AttachmentRecord, podLinkTraits } from '../state/attachment-record.ts';
import { describeAttachment, describeKey } from '../state/record-store.ts';
import { findInPod, findPfOf } from '../vf/locate.ts';
import { adminDifferences, difference } from '../vf/verify.ts';
import { type CommandContext, keyOf, openPodNetns } from './context.ts';
import { askIpam } from './ipam.ts';
import { vfOfSriovCni } from './sriov-cni.ts';
import { hasSriovCniFile } from './sriov-cni-books.ts';

/**
 * CHECK (SPEC.md): compares the VF with the config, and the interface with prevResult, which has the changes of later
 * plugins of a chain. Throws CniError checkFailed, listing every difference; then asks the IPAM plugin.
 */
export function check(context: CommandContext): string {
  const { request, store, platform } = context;
  const conf = parseConf(request);
  const result = parsePrevResult(request);
  if (result === null) throw new CniError('invalidConfig', 'prevResult is missing: CHECK needs it');
  const key = keyOf(request);
  const record = store.read(key);
  const vf = record ?? (hasSriovCniFile(context, key) ? vfOfSriovCni(context, key) : null);
  if (vf === null) throw new CniError('checkFailed', `${describeKey(key)} has no attachment record on this node`);
  const netns = openPodNetns(platform, request);
  const pod = new Namespace(platform, netns);
  try {
    const added = record ?? { addresses: [], routes: [] };
    const found = [
      ...settingDifferences(context, vf, conf),
      ...podDifferences(context, pod, { ...vf, ...added }, conf, result),
    ];
    if (found.length > 0)
      throw new CniError(
        'checkFailed',
        `${describeAttachment({ key, pod: record?.pod ?? null })}: ${found.join('; ')}`,
      );
  } finally {
    pod.close();
    netns.close();
  }
  const ipam = record?.ipam ?? conf.ipam;
  if (ipam !== null) askIpam(context, 'CHECK', ipam, record);
  return '';
}

function settingDifferences(context: CommandContext, vf: AttachedVf, conf: SriovConf): string[] {
  const { host, platform } = context;
  const { identity, snapshot } = vf;
  if (snapshot.admin === null) return [];
  const pf = findPfOf(platform, host, identity);
  return adminDifferences(host, pf, identity, snapshot.admin, conf.settings);
}

function podDifferences(
  context: CommandContext,
  pod: Namespace,
  attached: AttachedVf & Pick<AttachmentRecord, 'addresses' | 'routes'>,
  conf: SriovConf,
  result: CniResult,
): string[] {
  const { identity, key, snapshot, addresses, routes } = attached;
  if (snapshot.netdev === null) return [];
  const link = findInPod(context.platform, pod, podLinkTraits(attached));
  const named = getLink(pod.session, { name: key.ifname });
  if (link === null) {
    const impostor = named === null ? '' : `; ${key.ifname} is another device`;
    return [`VF ${identity.pci} is not in the pod${impostor}`];
  }
  return [
    ...difference('the interface name', link.name, key.ifname),
    ...linkDifferences(context, link, conf, result),
    ...addressDifferences(pod.session, link, addresses, result),
    ...routeDifferences(pod.session, link, routes, result),
  ];
}

function linkDifferences(context: CommandContext, link: Link, conf: SriovConf, result: CniResult): string[] {
  const { ifname } = context.request;
  const wanted = result.interfaces.find((entry) => entry.name === ifname && entry.sandbox !== undefined);
  // Results before CNI 1.1 have no MTU, and the tuning plugin changes the MTU of the interface but not of the result.
  const mtu = conf.settings.mtu === undefined ? undefined : (wanted?.mtu ?? conf.settings.mtu);
  return [
    ...difference(`${ifname}: link`, link.up ? 'up' : 'down', 'up'),
    ...(wanted === undefined ? [`${ifname} is not in prevResult`] : []),
    ...(wanted?.mac === undefined ? [] : difference(`${ifname}: MAC`, link.mac, wanted.mac.toLowerCase())),
    ...(mtu === undefined ? [] : difference(`${ifname}: MTU`, link.mtu, mtu)),
  ];
}
