import type { Branded } from './branded.ts';

/** A PCI address `dddd:bb:dd.f` in lower-case hex (BDF with its domain), e.g. `0000:3b:02.1`. */
export type PciAddress = Branded<string, 'PciAddress'>;

const full = /^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/;

/** Reads a PCI address in any case; null if the text is none. */
export function parsePciAddress(text: string): PciAddress | null {
  const lower = text.toLowerCase();
  return full.test(lower) ? (lower as PciAddress) : null;
}
