import { parsePciAddress } from '../../lib/pci-address.ts';
import { printable } from '../../lib/quote.ts';
import { complain, type Tool } from '../tool.ts';
import { findSurveyed, type Survey, type SurveyedPf, type SurveyedVf } from './survey.ts';

/** Reads `3b:02.1` as `0000:3b:02.1`, as lspci does. */
function spellAddress(text: string): string {
  return parsePciAddress(text) ?? parsePciAddress(`0000:${text}`) ?? text;
}

function whatThereIs({ pfs }: Survey): string {
  if (pfs.length === 0) return 'this node has no network card with SR-IOV';
  const lines = pfs.map(({ sysfs, link, vfs }) => {
    const addresses = vfs.length === 0 ? 'no VFs' : vfs.map((vf) => vf.sysfs.pci).join(' ');
    return `\n  ${sysfs.pci}${link === null ? '' : ` (${printable(link.name)})`}: ${addresses}`;
  });
  return `there are:${lines.join('')}`;
}

/**
 * The PF or VF that a person names, by address or netdev; `vf` is null if it is a PF. Null if there is none; then
 * stderr says so, with the devices that there are.
 */
export function findDevice(
  tool: Pick<Tool, 'platform'>,
  survey: Survey,
  target: string,
): { readonly pf: SurveyedPf; readonly vf: SurveyedVf | null } | null {
  const found = findSurveyed(survey, spellAddress(target));
  if (found === null) {
    complain(tool, `${printable(target)} is no PF, VF or netdev of one on this node; ${whatThereIs(survey)}`);
  }
  return found;
}
