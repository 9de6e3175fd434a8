import { printable } from '../lib/quote.ts';
import { describeEntry, describeWithVf, isLeft, type KeptRecord, readRecords, readSriovCni } from './node/records.ts';
import { attachmentJson, damagedJson } from './node/survey-json.ts';
import { type Column, fitLines, formatTable } from './text.ts';
import { commandName, type ExitCode, exitCodes, formatAge, nameHolder, printJson, type Tool } from './tool.ts';

const columns: readonly Column[] = [
  { title: 'POD', minWidth: 12 },
  { title: 'IFNAME' },
  { title: 'NETWORK', minWidth: 8 },
  { title: 'VF' },
  { title: 'PF', minWidth: 4 },
  { title: 'PHASE' },
  { title: 'AGE', right: true },
  { title: 'NETNS' },
];

/** `attachments`: the records on this node. */
export function attachments(tool: Tool, { json = false }: { readonly json?: boolean }): ExitCode {
  const { platform } = tool;
  const { records, damaged, setAside } = readRecords(platform);
  const sriovCni = readSriovCni(tool);
  if (json) {
    printJson(tool, {
      attachments: records.map((record) => attachmentJson(record, platform.epochMs())),
      damaged: damaged.map(damagedJson),
      setAside,
      sriovCni: sriovCni.map(({ containerId, ifname, network, pci, reason }) => ({
        containerId,
        ifname,
        network,
        pci,
        reason,
      })),
    });
    return exitCodes.fine;
  }
  platform.writeStdout(
    records.length === 0
      ? `No attachments: ${platform.paths.stateDir} holds no records.\n`
      : recordTable(tool, records),
  );
  const others = sriovCni.flatMap((entry) =>
    entry.attachment === null ? [] : [`${entry.attachment.pci}  ${describeEntry(entry)}\n`],
  );
  if (others.length > 0) platform.writeStdout(`Of sriov-cni, given back by this plugin’s DEL:\n  ${others.join('  ')}`);
  const unusable = sriovCni.filter(({ attachment }) => attachment === null);
  const remarks = [
    ...unusable.map((entry) => `Given back by no DEL: ${describeWithVf(entry)}: ${printable(entry.reason ?? '')}`),
    ...damaged.map(
      ({ key, reason, isNewer }) =>
        `${isNewer ? 'Left alone' : 'Damaged'}: ${printable(`${key.network}/${key.containerId}/${key.ifname}: ${reason}`)}`,
    ),
    ...(setAside.length === 0
      ? []
      : [`Set aside as damaged: ${setAside.length} in ${platform.paths.stateDir}/.damaged`]),
    ...(records.some(isLeft) ? [`\`${commandName(platform)} gc\` gives back what is dead or half done.`] : []),
  ];
  platform.writeStdout(
    remarks.map((remark) => `${tool.style.warning(fitLines(platform, 'stdout', remark))}\n`).join(''),
  );
  return exitCodes.fine;
}

function recordTable({ platform, style }: Tool, records: readonly KeptRecord[]): string {
  const rows = records.map(({ key, record, pod, isHalf }) => ({
    cells: [
      nameHolder(record.pod, key.containerId),
      key.ifname,
      key.network,
      record.identity.pci,
      record.identity.pfName ?? '-',
      isHalf ? { text: 'half done', paint: style.warning } : record.phase,
      formatAge(platform.epochMs() - Date.parse(record.createdAt)),
      pod === 'alive' ? pod : { text: pod, paint: style.bad },
    ],
  }));
  return formatTable(columns, rows, { indent: 0, style });
}
