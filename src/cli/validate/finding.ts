/** Keys and indexes from the top of an object; goes on into the JSON of a text. */
export type Path = readonly (string | number)[];

/** Key or value of an entry of an object. */
export type Part = 'key' | 'value';

/** The place of a finding, and what to write there. */
interface Place {
  /** Path from the object that is checked; by default `path`. */
  readonly at?: Path;
  /** By default the value. */
  readonly on?: Part;
  /** Offset in the file, if it is known already; takes precedence over `at`. */
  readonly offset?: number;
  /** What to write there instead. */
  readonly fix?: string | number;
}

/** One result of `validate` about a file. */
export interface Finding extends Place {
  readonly severity: 'error' | 'warning';
  /** `plugins[1].vlan`, `NetworkAttachmentDefinition ns/name: spec.config: vlan`; '' for the whole file. */
  readonly path: string;
  readonly message: string;
}

export const error = (path: string, message: string, place: Place = {}): Finding => ({
  severity: 'error',
  path,
  message,
  ...place,
});

export const warning = (path: string, message: string, place: Place = {}): Finding => ({
  severity: 'warning',
  path,
  message,
  ...place,
});

/** `plugins[1].vlan` as keys and indexes. */
export function parsePath(path: string): Path {
  return [...path.matchAll(/\[(\d+)\]|\["?((?:[^"\\]|\\.)*)"?\]|"((?:[^"\\]|\\.)*)"|([^.[\]]+)/g)].map(
    ([, index, inBrackets, quoted, plain]) =>
      index === undefined ? (inBrackets ?? quoted ?? plain ?? '') : Number(index),
  );
}

const pathOf = ({ at, path }: Finding): Path => at ?? parsePath(path);

/** The findings with `prefix` before each path, joined by `separator`; `at`: where they are, from the object above. */
export function under(prefix: string, separator: string, findings: readonly Finding[], at: Path): Finding[] {
  return findings.map((finding) => ({
    ...finding,
    at: [...at, ...pathOf(finding)],
    path: finding.path === '' ? prefix : `${prefix}${separator}${finding.path}`,
  }));
}
