import { printable } from '../../lib/quote.ts';
import { type Column, formatFields, formatTable, type Paint, type Row, wrap } from '../text.ts';
import type { Tool } from '../tool.ts';
import type { ProbedPf, ProbeReport, TriedValue } from './report.ts';

const columns: readonly Column[] = [
  { title: 'SETTING' },
  { title: 'VALUE' },
  { title: 'SET BY', minWidth: 10 },
  { title: 'RESULT' },
  { title: 'ERRNO' },
];

function rowOf({ style }: Tool, { key, value, way, outcome, errno }: TriedValue): Row {
  const paints: Readonly<Record<TriedValue['outcome'], Paint>> = {
    taken: style.good,
    refused: style.bad,
    ignored: style.warning,
    unreported: style.warning,
    untried: style.faint,
  };
  return { cells: [key, value, way ?? 'ADD', { text: outcome, paint: paints[outcome] }, errno ?? '-'] };
}

function titleOf({ style }: Tool, { name, pci, driver, firmware, up, mtu }: ProbedPf): string {
  const facts = [
    driver ?? 'no driver',
    ...(firmware === null ? [] : [`firmware ${printable(firmware)}`]),
    up ? 'up' : 'down',
    ...(mtu === null ? [] : [`MTU ${mtu}`]),
  ];
  return `${style.strong(printable(name ?? '-'))} ${pci}  ${facts.join(', ')}\n`;
}

function describeVfio({ iommuGroup, others, driver }: NonNullable<ProbedPf['vfio']>): string {
  const loaded = driver ? 'vfio-pci is loaded' : 'vfio-pci is not loaded';
  if (iommuGroup === null) return `${loaded}; no IOMMU group: the IOMMU is off, or there is none`;
  const shared = others.length === 0 ? 'its own' : `shared with ${others.join(' ')}`;
  return `${loaded}; IOMMU group ${iommuGroup}, ${shared}`;
}

function describePf(tool: Tool, probed: ProbedPf): string {
  const { style } = tool;
  const { vf, failure, settings, rdma, vfio } = probed;
  const of = vf === null ? '' : `  VF ${vf.index} ${vf.pci}, ${vf.driver ?? 'no driver'}\n`;
  const rows = settings.map((tried) => rowOf(tool, tried));
  const table = rows.length === 0 ? '' : formatTable(columns, rows, { indent: 2, style });
  const fields = [
    ...(vf === null ? [] : [['RDMA', rdma.length === 0 ? 'none' : rdma.join(' ')] as const]),
    ...(vfio === null ? [] : [['vfio', describeVfio(vfio)] as const]),
  ];
  const facts = fields.length === 0 ? '' : formatFields(style, fields, 2);
  const problem = failure === null ? '' : `${style.bad(wrap(style, `! ${printable(failure)}`, 2))}\n`;
  return `${titleOf(tool, probed)}${of}${table}${facts}${problem}`;
}

/** For people. */
export function describeReport(tool: Tool, { kernel, pfs }: ProbeReport): string {
  const title = kernel === null ? '' : `Linux ${printable(kernel)}\n\n`;
  return `${title}${pfs.map((pf) => describePf(tool, pf)).join('\n')}`;
}
