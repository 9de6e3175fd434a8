import { error, type Finding, warning } from './finding.ts';

/** Words of other programs and other spellings, by which people mean one of ours. */
const otherWords: Readonly<Record<string, string>> = {
  vlanid: 'vlan',
  vlantag: 'vlan',
  qos: 'vlanQoS',
  vlanpriority: 'vlanQoS',
  vlanprotocol: 'vlanProto',
  protocol: 'vlanProto',
  macaddress: 'mac',
  hwaddr: 'mac',
  spoofcheck: 'spoofchk',
  spoofchecking: 'spoofchk',
  macspoofchk: 'spoofchk',
  trusted: 'trust',
  trustmode: 'trust',
  link: 'link_state',
  state: 'link_state',
  vflinkstate: 'link_state',
  maxrate: 'max_tx_rate',
  ratelimit: 'max_tx_rate',
  minrate: 'min_tx_rate',
  pciaddress: 'deviceID',
  pciaddr: 'deviceID',
  device: 'deviceID',
  resource: 'resourceName',
  selector: 'vfSelector',
  selectors: 'vfSelector',
  ipamconfig: 'ipam',
  range: 'subnet',
  cidr: 'subnet',
  gw: 'gateway',
  gateway: 'gw',
  destination: 'dst',
  to: 'dst',
  via: 'gw',
  start: 'rangeStart',
  end: 'rangeEnd',
  hostlocal: 'host-local',
  sriovcni: 'sriov',
  drasriovcni: 'dra-sriov',
  rootdevices: 'pfNames',
  deviceclass: 'deviceClassName',
  resourceclaimtemplate: 'resourceClaimTemplateName',
  claimtemplatename: 'resourceClaimTemplateName',
  resourceclaim: 'resourceClaimName',
  netattachdef: 'netAttachDefName',
  networkattachmentdefinition: 'netAttachDefName',
  quantity: 'count',
};

/** The word without case, `_`, `-` and `.`. */
const fold = (word: string): string => word.toLowerCase().replace(/[-_.]/g, '');

/**
 * Insertions, deletions, substitutions and swaps of neighbours that make one text of the other (optimal string
 * alignment).
 */
function editDistance(left: string, right: string): number {
  let before: readonly number[] = [];
  let row: readonly number[] = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const isSame = left[i - 1] === right[j - 1];
      const isSwap = i > 1 && j > 1 && left[i - 1] === right[j - 2] && left[i - 2] === right[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Number.POSITIVE_INFINITY;
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (isSame ? 0 : 1), swapped));
    }
    [before, row] = [row, next];
  }
  return row[right.length] ?? 0;
}

/**
 * The known word that is meant; null if none is similar. Short words may have one edit, others two.
 */
export function meantBy(word: string, known: readonly string[]): string | null {
  const folded = fold(word);
  const same = known.find((each) => fold(each) === folded) ?? known.find((each) => each === otherWords[folded]);
  if (same !== undefined) return same;
  const near = known
    .map((each) => ({ each, distance: editDistance(fold(each), folded) }))
    .filter(({ each, distance }) => distance <= (each.length < 6 ? 1 : 2) && distance < each.length);
  return near.sort((one, other) => one.distance - other.distance)[0]?.each ?? null;
}

/** Whether a key is one that people use for comments. */
const isPrivate = (key: string): boolean => /^(_|x-|\/\/|#)/.test(key);

/** Finds unknown keys of an object: an error if another key is surely meant, else a warning. */
export function checkKeys(object: object, known: readonly string[], whose: string): Finding[] {
  return Object.keys(object)
    .filter((key) => !known.includes(key) && !isPrivate(key))
    .map((key) => {
      const meant = meantBy(key, known);
      const place = { at: [key], on: 'key' } as const;
      if (meant === null) return warning(key, `is ignored: no key of ${whose}`, place);
      const fix = meant in object ? {} : { fix: meant };
      return error(key, `is ignored; did you mean ${meant}?`, { ...place, ...fix });
    });
}
