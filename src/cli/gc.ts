import { explain } from '../cni/errors.ts';
import type { CommandContext } from '../commands/context.ts';
import { reclaimIfLeft } from '../commands/reap.ts';
import { printable } from '../lib/quote.ts';
import { isSystemError } from '../lib/system-error.ts';
import type { AttachmentKey } from '../state/attachment-record.ts';
import { findOrphans, type Lease, releaseLease } from './host-local.ts';
import { openContext } from './node/context.ts';
import { isLeft, type KeptRecord, readRecords } from './node/records.ts';
import { describeView, isElsewhere, readView, type View } from './node/view.ts';
import { count, fitLines } from './text.ts';
import { commandName, complain, type ExitCode, exitCodes, nameHolder, printJson, type Tool } from './tool.ts';

interface GcOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** Works from where this process is, whatever process 1 of the node sees. */
  readonly here?: boolean;
  /** Also releases addresses that no record has. */
  readonly addresses?: boolean;
}

/** Numbers of attachments that are kept, and of records that can't be read. */
interface Counts {
  readonly alive: number;
  /** Attachments of which it can't be told from here whether their pods live. */
  readonly unknown: number;
  readonly damaged: number;
}

interface Outcome {
  readonly kept: KeptRecord;
  /** `left`: it would be reclaimed. `busy`: another process works on its VF. */
  readonly state: 'reclaimed' | 'left' | 'busy' | 'failed';
  readonly reason: string | null;
}

/** An address that leaked: only host-local's store has it, and no record. */
interface Released {
  readonly lease: Lease;
  readonly state: 'released' | 'left' | 'failed';
  readonly reason: string | null;
}

/**
 * `gc [--dry-run]`: gives back what attachments hold whose pods are certainly dead, or whose ADD or DEL was killed.
 * Never touches a whole attachment of a living pod. Refuses if process 1 of the node sees other files or interfaces: it
 * would release addresses in another store, and bring VFs home to another namespace.
 */
export function gc(tool: Tool, { dryRun = false, json = false, here = false, addresses = false }: GcOptions): ExitCode {
  const view = readView(tool.platform);
  if (!dryRun && !here && isElsewhere(tool, view, 'gc')) return exitCodes.wrong;
  const { records, damaged } = readRecords(tool.platform);
  const left = records.filter(isLeft);
  const unknown = records.filter((kept) => kept.pod === 'unknown' && !isLeft(kept)).length;
  const counts: Counts = { alive: records.length - left.length - unknown, unknown, damaged: damaged.length };
  const context = dryRun ? null : openContext(tool);
  const outcomes = left.map(
    (kept): Outcome => (context === null ? { kept, state: 'left', reason: null } : reclaim(context, kept)),
  );
  context?.host.close();
  const released = findOrphansQuietly(tool).map((lease) => release(tool, lease, addresses && !dryRun));
  if (json) printJson(tool, { ...report(dryRun, view, outcomes, counts), addresses: released.map(releasedJson) });
  else {
    const text = `${describe(tool, outcomes, counts)}${describeReleased(tool, released, addresses)}`;
    tool.platform.writeStdout(fitLines(tool.platform, 'stdout', `${text}${describeView(view)}\n`));
  }
  return [...outcomes, ...released].some(({ state }) => state === 'failed') ? exitCodes.wrong : exitCodes.fine;
}

/** Addresses of reclaimed attachments are released by now. */
function findOrphansQuietly(tool: Tool): readonly Lease[] {
  try {
    return findOrphans(tool.platform, readRecords(tool.platform).records);
  } catch (thrown) {
    if (!isSystemError(thrown)) throw thrown;
    complain(tool, `host-local’s store can’t be read: ${thrown.message}`);
    return [];
  }
}

function release({ platform }: Tool, lease: Lease, isAsked: boolean): Released {
  if (!isAsked) return { lease, state: 'left', reason: null };
  try {
    return releaseLease(platform, lease)
      ? { lease, state: 'released', reason: null }
      : { lease, state: 'left', reason: 'another container has it now' };
  } catch (thrown) {
    return { lease, state: 'failed', reason: explain(thrown) };
  }
}

const releasedJson = ({ lease, state, reason }: Released): unknown => ({ ...lease, state, reason });

function describeReleased({ style, platform }: Tool, released: readonly Released[], isAsked: boolean): string {
  const paints = { released: style.good, left: style.warning, failed: style.bad };
  const verbs = { released: 'released', left: isAsked ? 'would release' : 'left', failed: 'FAILED' };
  const lines = released.map(({ lease, state, reason }) => {
    const why = reason === null ? '' : `\n  ${printable(reason)}`;
    const holder = lease.containerId === '' ? 'nobody, as its file is empty' : 'a container that is gone';
    const what = `${lease.address}, taken by ${holder}: ${lease.path}`;
    return `${paints[state](verbs[state])}: ${printable(what)}${why}\n`;
  });
  const offer =
    released.length === 0 || isAsked ? '' : `\`${commandName(platform)} gc --addresses\` releases what leaked.\n`;
  return `${lines.join('')}${offer}`;
}

function reclaim(context: CommandContext, kept: KeptRecord): Outcome {
  try {
    const done = reclaimIfLeft(context, kept.key);
    return done
      ? { kept, state: 'reclaimed', reason: null }
      : { kept, state: 'busy', reason: 'another process is at work on it, or has just been' };
  } catch (thrown) {
    return { kept, state: 'failed', reason: explain(thrown) };
  }
}

function report(dryRun: boolean, lookedFrom: View, outcomes: readonly Outcome[], counts: Counts): object {
  const entries = outcomes.map(({ kept, state, reason }) => ({
    ...kept.key,
    pod: kept.record.pod,
    pci: kept.record.identity.pci,
    state,
    reason,
  }));
  return { dryRun, lookedFrom, attachments: entries, ...counts };
}

const words = { reclaimed: 'reclaimed', left: 'would reclaim', busy: 'left alone', failed: 'FAILED' } as const;

const nameAttachment = ({ ifname, network }: AttachmentKey, holder: string): string =>
  printable(`${ifname} of ${holder}, network ${network}`);

function describe({ style }: Tool, outcomes: readonly Outcome[], { alive, unknown }: Counts): string {
  const paints = { reclaimed: style.good, left: style.warning, busy: style.warning, failed: style.bad };
  const lines = outcomes.map(({ kept, state, reason }) => {
    const { key, record } = kept;
    const why = reason === null ? '' : `\n  ${printable(reason)}`;
    return `${paints[state](words[state])}: VF ${record.identity.pci}, ${nameAttachment(key, nameHolder(record.pod, key.containerId))}${why}\n`;
  });
  const untold = unknown === 0 ? '' : ` and ${count(unknown, 'attachment')} of pods that can’t be looked at from here`;
  const others = `${count(alive, 'attachment')} of living pods${untold}`;
  const summary = outcomes.length === 0 ? `Nothing to reclaim; ${others}.\n` : `${others} kept.\n`;
  return `${lines.join('')}${summary}`;
}
