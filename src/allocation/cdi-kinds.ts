/** A kind of CDI device, `<vendor>/<class>` (CDI specification, "kind"). */
interface CdiKind {
  readonly vendor: string;
  readonly class: string;
}

/** Kinds under which dra-driver-sriov has published VFs, the present one first. */
const kinds: readonly CdiKind[] = [
  { vendor: 'sriovnetwork.k8snetworkplumbingwg.io', class: 'vf' },
  { vendor: 'sriovnetwork.openshift.io', class: 'vf' },
  { vendor: 'virtualfunction.sriovnetwork.openshift.io', class: 'nic' },
];

/** A text in every spec of ours and in its name, to tell foreign specs without parsing them. */
export const commonMark = 'sriovnetwork';

const kindNames: ReadonlySet<string> = new Set(kinds.map((kind) => `${kind.vendor}/${kind.class}`));

/** What the CDI library puts in front of a UID (GenerateTransientSpecName). */
const filePrefixes: readonly string[] = kinds.map((kind) => `${kind.vendor}-${kind.class}_`);

const extensions = ['.yaml', '.json'] as const;

/** True for `sriovnetwork.k8snetworkplumbingwg.io/vf` and its predecessors. */
export function isOurKind(kind: string): boolean {
  return kindNames.has(kind);
}

/** True where only a driver of ours writes a file of this name, whatever is in it. */
export function isOurFileName(name: string): boolean {
  return name.includes(commonMark) && filePrefixes.some((prefix) => name.startsWith(prefix));
}

/** True for the names that the CDI library reads as specs. */
export function isSpecFileName(name: string): boolean {
  return name.endsWith('.yaml') || name.endsWith('.json');
}

/** Every file name that a driver of ours may have given to the spec of a pod or a claim; `uid` has no `/`. */
export function specFileNames(uid: string): readonly string[] {
  return filePrefixes.flatMap((prefix) => extensions.map((extension) => `${prefix}${uid}${extension}`));
}
