import type { Sample } from './measure.ts';
import { ratiosOf, type Spread } from './spread.ts';
import { oldSriovCni, type Phase } from './subjects.ts';

/** By phase and name of the subject, a sample for each run. */
export type Samples = Readonly<Partial<Record<Phase, ReadonlyMap<string, readonly Sample[]>>>>;

/** The native plugin beside another subject. */
interface Comparison {
  readonly phase: Phase;
  readonly quantity: keyof Sample;
  readonly than: string;
  /** What it may take at most, as a multiple of the other; absent where there is no aim. */
  readonly most?: number;
}

const comparisons: readonly Comparison[] = [
  { phase: 'VERSION', quantity: 'wallMs', than: 'host-device', most: 1 },
  { phase: 'VERSION', quantity: 'wallMs', than: 'dra-sriov on Node' },
  { phase: 'VERSION', quantity: 'peakMb', than: 'host-device', most: 0.5 },
  { phase: 'ADD, host-local', quantity: 'wallMs', than: 'ip', most: 1.3 },
  { phase: 'ADD, host-local', quantity: 'wallMs', than: 'host-device', most: 0.8 },
  { phase: 'ADD, host-local', quantity: 'wallMs', than: 'dra-sriov on Node' },
  { phase: 'DEL, host-local', quantity: 'wallMs', than: 'ip' },
  { phase: 'DEL, host-local', quantity: 'wallMs', than: 'host-device' },
  { phase: 'DEL, host-local', quantity: 'wallMs', than: 'dra-sriov on Node' },
  { phase: 'ADD, no IPAM', quantity: 'wallMs', than: 'ip' },
  { phase: 'ADD, no IPAM', quantity: 'wallMs', than: 'host-device' },
  // Only without IPAM: an IPAM plugin's own peak would hide ours.
  { phase: 'ADD, no IPAM', quantity: 'peakMb', than: 'host-device', most: 0.5 },
  { phase: 'DEL, no IPAM', quantity: 'wallMs', than: 'ip' },
  { phase: 'DEL, no IPAM', quantity: 'wallMs', than: 'host-device' },
  { phase: '14 DELs at once', quantity: 'wallMs', than: 'host-device' },
  { phase: '14 DELs at once', quantity: 'cpuMs', than: 'host-device' },
  { phase: 'ADD, host-local', quantity: 'cpuMs', than: 'host-device' },
  { phase: 'DEL, host-local', quantity: 'cpuMs', than: 'host-device' },
  { phase: 'ADD, host-local', quantity: 'wallMs', than: oldSriovCni },
  { phase: 'DEL, host-local', quantity: 'wallMs', than: oldSriovCni },
  { phase: 'ADD, no IPAM', quantity: 'wallMs', than: oldSriovCni },
  { phase: 'ADD, no IPAM', quantity: 'peakMb', than: oldSriovCni },
  { phase: 'DEL, no IPAM', quantity: 'wallMs', than: oldSriovCni },
];

export const largestExecutableMb = 3;

export interface Outcome extends Comparison {
  /** Of each run, the one sample by the other. */
  readonly ratio: Spread;
}

/** The comparisons of subjects that were measured. */
export function compare(samples: Samples): readonly Outcome[] {
  const measured = comparisons.filter(({ phase, than }) => samples[phase]?.has(than));
  return measured.map((comparison) => {
    const { phase, quantity, than } = comparison;
    const values = (name: string): number[] => (samples[phase]?.get(name) ?? []).map((sample) => sample[quantity]);
    return { ...comparison, ratio: ratiosOf(values('dra-sriov'), values(than)) };
  });
}
