/** Something that `validate` has to say about a file. */
export interface Finding {
  readonly severity: 'error' | 'warning';
  /** `plugins[1].vlan`, `NetworkAttachmentDefinition ns/name: spec.config: vlan`; '' for the whole file. */
  readonly path: string;
  readonly message: string;
}

export const error = (path: string, message: string): Finding => ({ severity: 'error', path, message });

export const warning = (path: string, message: string): Finding => ({ severity: 'warning', path, message });

/** The findings with `prefix` before each path, joined by `separator`. */
export function under(prefix: string, separator: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({
    ...finding,
    path: finding.path === '' ? prefix : `${prefix}${separator}${finding.path}`,
  }));
}
