import type { Namespace } from '../kernel/namespace.ts';
import {
  addAltnames,
  getLink,
  type Link,
  moveLink,
  removeAltnames,
  renameLink,
  setLinkDown,
} from '../kernel/rtnl/links.ts';
import { converge, type Step } from '../lib/converge.ts';

/** The move is tried again, because a pod may give its link other altnames between the look at them and the move. */
const maxMoves = 5;

/**
 * Moves a link into another namespace under its new name in one step, so that no other program ever sees a temporary
 * name (`ip link set LINK netns NS name NAME`). Altnames that stand in the way are taken off first: the kernel answers
 * EEXIST for a link whose own altname is the new name.
 */
export function moveLinkTo(from: Namespace, link: Link, to: Namespace, name: string): void {
  let seen = link;
  for (let attempt = 1; ; attempt++) {
    try {
      moveOnce(from, seen, to, name);
      return;
    } catch (thrown) {
      const now = getLink(from.session, { ifindex: link.ifindex });
      if (attempt === maxMoves || now === null || areSame(now.altnames, seen.altnames)) throw thrown;
      seen = now;
    }
  }
}

function areSame(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, at) => name === other[at]);
}

function moveOnce(from: Namespace, link: Link, to: Namespace, name: string): void {
  dropConflictingAltnames(from, link, to, name);
  from.change(link.ifindex, (session) => moveLink(session, link.ifindex, { netns: to.netns, name }));
}

/** Renames a link in its namespace (`ip link set LINK name NAME`); it must be down for older kernels. */
export function renameLinkTo(namespace: Namespace, link: Link, name: string): void {
  if (link.name === name) return;
  dropConflictingAltnames(namespace, link, namespace, name);
  if (link.up) namespace.change(link.ifindex, (session) => setLinkDown(session, link.ifindex));
  namespace.change(link.ifindex, (session) => renameLink(session, link.ifindex, name));
}

/**
 * Gives a link these altnames in their order, and no others. The kernel lists altnames as they were added, so all from
 * the first one that differs are added anew. Returns the failures. A name that another link has (EEXIST) doesn't keep
 * those behind it from being added.
 */
export function restoreAltnames(namespace: Namespace, link: Link, wanted: readonly string[]): readonly Error[] {
  const { session } = namespace;
  const differs = wanted.findIndex((name, at) => link.altnames[at] !== name);
  const same = differs === -1 ? wanted.length : differs;
  const extra = link.altnames.slice(same);
  return converge([
    ['take off altnames', () => extra.length > 0 && removeAltnames(session, link.ifindex, extra)],
    ...wanted.slice(same).map((name): Step => ['put back', () => addAltnames(session, link.ifindex, [name])]),
  ]);
}

function dropConflictingAltnames(from: Namespace, link: Link, to: Namespace, name: string): void {
  const takenThere = (altname: string): boolean => {
    if (from === to) return false;
    return getLink(to.session, { name: altname }) !== null;
  };
  const conflicting = link.altnames.filter((altname) => altname === name || takenThere(altname));
  if (conflicting.length > 0) removeAltnames(from.session, link.ifindex, conflicting);
}
