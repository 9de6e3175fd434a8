/** Keys and indexes from the top of an object; goes on into the JSON of a text. */
export type Path = readonly (string | number)[];

/** Of an entry of an object: its key, or its value. */
export type Part = 'key' | 'value';

/** Where a finding stands, and what should stand there. */
interface Place {
  /** From the object that is checked; by default what `path` says. */
  readonly at?: Path;
  /** The value by default. */
  readonly on?: Part;
  /** In the file, where it is known already; goes before `at`. */
  readonly offset?: number;
  /** What to write there instead. */
  readonly fix?: string | number;
}

/** Something that `validate` has to say about a file. */
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
