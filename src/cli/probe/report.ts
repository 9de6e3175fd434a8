import { arrayOf, integer, nullable, object, oneOf, text, type ValueOf } from '../../lib/json-schema.ts';

/**
 * The outcome for a value. `ignored`: there was no error, but the kernel shows another value. `unreported`: it was not
 * tried, because the PF doesn't report the setting. `untried`: nothing is known.
 */
const outcomes = ['taken', 'refused', 'ignored', 'unreported', 'untried'] as const;

const anyText = text();

const triedValue = object({
  /** A key of a network config. */
  key: anyText,
  /** As a config has it; numbers are decimal text. */
  value: anyText,
  /** Another way to set it than ADD's. */
  way: nullable(anyText),
  outcome: oneOf(...outcomes),
  /** `EOPNOTSUPP`; null if there was none. */
  errno: nullable(anyText),
  /** The kernel's and the driver's own words. */
  message: nullable(anyText),
});

const probedPf = object({
  pci: anyText,
  name: nullable(anyText),
  driver: nullable(anyText),
  firmware: nullable(anyText),
  up: oneOf(true, false),
  mtu: nullable(integer(0)),
  /** The VF that was tried; null if none could be. */
  vf: nullable(object({ pci: anyText, index: integer(0), driver: nullable(anyText) })),
  /** Why no VF was tried, or not to the end. */
  failure: nullable(anyText),
  settings: arrayOf(triedValue),
  /** RDMA devices of that VF. */
  rdma: arrayOf(anyText),
  vfio: nullable(
    object({
      /** Null: no IOMMU, or it is off. */
      iommuGroup: nullable(anyText),
      /** Other devices in that group. They go to user space with the VF, or the VF can't. */
      others: arrayOf(anyText),
      /** Whether vfio-pci is loaded. */
      driver: oneOf(true, false),
    }),
  ),
});

/** What `probe --json` prints and `validate --node` reads. */
export const probeReport = object({
  version: anyText,
  kernel: nullable(anyText),
  /** Nothing was changed. */
  dryRun: oneOf(true, false),
  pfs: arrayOf(probedPf),
});

export type ProbeReport = ValueOf<typeof probeReport>;
export type ProbedPf = ValueOf<typeof probedPf>;
export type TriedValue = ValueOf<typeof triedValue>;
