import { type CniError, isCniError } from '../cni/errors.ts';
import { quote } from '../lib/quote.ts';
import { findByAddress, findByCdiDevice, findByDeviceInfo } from './hinted-vf.ts';
import { type FoundVf, findByPod } from './pod-vfs.ts';
import { type AllocationAsk, type AllocationNode, Search } from './search.ts';
import type { TraceStep } from './trace.ts';

export type { AllocationAsk, AllocationNode } from './search.ts';
export type { TraceStep } from './trace.ts';

/** The VF of an attachment, and how it was found. */
export interface Resolution extends FoundVf {
  readonly trace: readonly TraceStep[];
}

/** The outcome of a search: a VF or the error that resolveVf would throw, and every source that was looked at. */
export interface Explanation {
  readonly found: FoundVf | null;
  readonly failure: CniError | null;
  readonly trace: readonly TraceStep[];
}

/** A device ID that is neither address nor CDI device belongs to another device. A VF of the pod's would be a guess. */
function refuseForeignHints({ ask, trace }: Search): void {
  const [hint] = ask.conf.deviceHints;
  if (hint === undefined) return;
  throw trace.failure(
    'noVfForPod',
    `${hint.key} ${quote(hint.value)} is neither a PCI address such as 0000:3b:02.1 nor a CDI device of the SR-IOV DRA driver`,
  );
}

function find(search: Search): FoundVf {
  const named = findByAddress(search) ?? findByCdiDevice(search) ?? findByDeviceInfo(search);
  if (named !== null) return named;
  refuseForeignHints(search);
  return findByPod(search);
}

/**
 * Finds the VF for one attachment, in this order: a PCI address in runtimeConfig.deviceID, deviceID or pciBusID; a CDI
 * device there; runtimeConfig.CNIDeviceInfoFile; the pod's per-pod CDI spec; the DRA driver's checkpoint. Changes
 * nothing. The same files and the same ask give the same VF. Throws CniError noVfForPod, contradictorySources, vfBusy,
 * decode or io, with every source that was looked at in `details`; SystemError if sysfs can't be read.
 */
export function resolveVf(node: AllocationNode, ask: AllocationAsk): Resolution {
  const search = new Search(node, ask);
  const { pci, source } = find(search);
  return { pci, source, trace: search.trace.steps };
}

/** As resolveVf, but a CniError is part of the answer. */
export function explainAllocation(node: AllocationNode, ask: AllocationAsk): Explanation {
  const search = new Search(node, ask);
  try {
    const found = find(search);
    return { found, failure: null, trace: search.trace.steps };
  } catch (thrown) {
    if (!isCniError(thrown)) throw thrown;
    return { found: null, failure: thrown, trace: search.trace.steps };
  }
}
