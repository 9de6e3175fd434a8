/** A command to type. `own` is one of this program, without its name, which differs from node to node. */
export type Next = string | { readonly own: string };

/** One link of the chain from annotation to interface. */
export interface Step {
  /** Stable, for programs. */
  readonly id: string;
  /** `unknown`: nothing on this node tells. */
  readonly verdict: 'ok' | 'broken' | 'unknown';
  readonly found: string;
  /** What was compared with what; null if nothing was. */
  readonly compared: string | null;
  /** The command to type next; null if nothing is broken. */
  readonly next: Next | null;
}

type MakeStep = (id: string, found: string, compared?: string | null) => Step;

export const fine: MakeStep = (id, found, compared = null) => ({ id, verdict: 'ok', found, compared, next: null });

export const untold: MakeStep = (id, found, compared = null) => ({
  id,
  verdict: 'unknown',
  found,
  compared,
  next: null,
});

export const broken = (id: string, found: string, compared: string | null, next: Next): Step => ({
  id,
  verdict: 'broken',
  found,
  compared,
  next,
});
