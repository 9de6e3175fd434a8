import { arrayOf, integer, nullable, object, oneOf, text, type ValueOf } from '../../lib/json-schema.ts';

/**
 * What became of a value. `ignored`: no error, and afterwards the kernel shows another one. `unreported`: not tried,
 * and the PF tells nothing of that setting. `untried`: nothing is known.
 */
const outcomes = ['taken', 'refused', 'ignored', 'unreported', 'untried'] as const;

const anyText = text();

const triedValue = object({
  /** Of a network config. */
  key: anyText,
  /** As a config has it; numbers are decimal text. */
  value: anyText,
  /** Another way than ADD's to the same. */
  way: nullable(anyText),
  outcome: oneOf(...outcomes),
  /** `EOPNOTSUPP`; null where none was given. */
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
  /** The one that was tried; null where none could be. */
  vf: nullable(object({ pci: anyText, index: integer(0), driver: nullable(anyText) })),
  /** Why not, or not to the end. */
  failure: nullable(anyText),
  settings: arrayOf(triedValue),
  /** Of that VF. */
  rdma: arrayOf(anyText),
  vfio: nullable(
    object({
      /** Null: no IOMMU, or it is off. */
      iommuGroup: nullable(anyText),
      /** Other devices in that group, which go to user space with the VF or not at all. */
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
