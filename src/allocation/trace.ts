import { CniError, type ErrorName } from '../cni/errors.ts';
import type { PciAddress } from '../lib/pci-address.ts';

/** One source that was looked at. */
export interface TraceStep {
  /** `per-pod CDI spec /var/run/cdi/….yaml`, `deviceID`, … */
  readonly source: string;
  /** What the source held: PCI addresses, or its text if it held none. */
  readonly held: readonly string[];
  /** What the search concluded, in plain words. */
  readonly verdict: string;
  /** The VFs to choose from, if there was a choice. */
  readonly candidates?: readonly Candidate[];
}

export interface Candidate {
  readonly pci: PciAddress;
  /** Null: it fits. */
  readonly ruledOut: string | null;
}

const maxHeldShown = 64;

function formatStep({ source, held, verdict }: TraceStep): string {
  const more = held.length > maxHeldShown ? ` and ${held.length - maxHeldShown} more` : '';
  const shown = held.length === 0 ? '' : ` [${held.slice(0, maxHeldShown).join(', ')}${more}]`;
  return `${source}${shown}: ${verdict}`;
}

/** The steps on one line, numbered: the `details` of an allocation error. */
function formatTrace(steps: readonly TraceStep[]): string {
  return steps.map((step, index) => `(${index + 1}) ${formatStep(step)}`).join(' ');
}

/** The sources that one search for a VF has looked at so far. */
export class Trace {
  readonly #steps: TraceStep[] = [];

  get steps(): readonly TraceStep[] {
    return [...this.#steps];
  }

  add(source: string, held: readonly string[], verdict: string, candidates?: readonly Candidate[]): void {
    this.#steps.push({ source, held, verdict, ...(candidates === undefined ? {} : { candidates }) });
  }

  /** An error to throw, with all sources in its `details`. */
  failure(name: ErrorName, message: string): CniError {
    return new CniError(name, message, this.#steps.length === 0 ? {} : { details: formatTrace(this.#steps) });
  }
}
