import { printable } from '../lib/quote.ts';
import { fieldsOf, keyOf, type OnePfSetting, partsOf, pfSettings, type VfAdminState } from '../settings/settings.ts';
import { findDevice } from './node/find-device.ts';
import { describeEntry, nameAttachment } from './node/records.ts';
import { type Survey, type SurveyedPf, type SurveyedVf, surveyNode } from './node/survey.ts';
import { pfJson, surveyJson, vfJson } from './node/survey-json.ts';
import { type Cell, type Column, formatFields, formatTables, type Row } from './text.ts';
import { type ExitCode, exitCodes, nameHolder, printJson, type Tool } from './tool.ts';

interface InspectOptions {
  readonly json?: boolean;
}

const noCardText = 'This node has no network card with SR-IOV: no PCI device in sysfs can have VFs.';

/** `inspect [PCI address or netdev]`: PFs and VFs of this node, and whose they are. */
export function inspect(tool: Tool, target: string | undefined, { json = false }: InspectOptions): ExitCode {
  const survey = surveyNode(tool);
  if (target !== undefined) return inspectOne(tool, survey, target, json);
  if (json) printJson(tool, surveyJson(survey));
  else tool.platform.writeStdout(describeNode(tool, survey));
  return exitCodes.fine;
}

function inspectOne(tool: Tool, survey: Survey, target: string, json: boolean): ExitCode {
  const found = findDevice(tool, survey, target);
  if (found === null) return exitCodes.wrong;
  const { pf, vf } = found;
  if (json) printJson(tool, vf === null ? pfJson(pf) : vfJson(pf, vf));
  else tool.platform.writeStdout(vf === null ? describePfs(tool, [pf]).join('') : describeVf(tool, pf, vf));
  return exitCodes.fine;
}

function describeNode(tool: Tool, { pfs, gone, withoutPf }: Survey): string {
  const bare = withoutPf.length === 0 ? [] : [`VFs without a PF on this machine: ${withoutPf.join(' ')}\n`];
  if (pfs.length === 0) return `${noCardText}\n${bare.join('')}`;
  const remarks = gone.map(
    ({ key, record }) =>
      `The record of ${key.ifname} (${nameHolder(record.pod, key.containerId)}) names VF ${record.identity.pci}, which isn’t there.\n`,
  );
  return [...describePfs(tool, pfs), ...bare, ...remarks.map(tool.style.warning)].join('\n');
}

const numaOf = (node: number | null): string => (node === null ? 'no NUMA node' : `NUMA node ${node}`);

function linkState({ link }: SurveyedPf): string {
  if (link === null) return 'no netdev on the host';
  if (!link.up) return 'down';
  return link.carrier ? 'up' : 'up, no carrier';
}

function describePfs(tool: Tool, pfs: readonly SurveyedPf[]): readonly string[] {
  const { style } = tool;
  const tables = formatTables(
    columns,
    pfs.map(({ vfs }) => vfs.map((vf) => rowOf(tool, vf))),
    { indent: 2, style },
  );
  return pfs.map((pf, at) => `${titleOf(tool, pf)}\n${pf.vfs.length === 0 ? withoutVfs(pf) : tables[at]}`);
}

const withoutVfs = ({ sysfs }: SurveyedPf): string =>
  `  no VFs; echo N > /sys/bus/pci/devices/${sysfs.pci}/sriov_numvfs makes some\n`;

function titleOf({ style }: Tool, pf: SurveyedPf): string {
  const { sysfs, link } = pf;
  const state = linkState(pf);
  const facts = [
    sysfs.driver ?? 'no driver',
    numaOf(sysfs.numaNode),
    state === 'up' ? state : style.bad(state),
    ...(link === null ? [] : [`MTU ${link.mtu}`]),
    `${sysfs.numVfs} of ${sysfs.totalVfs} VFs`,
  ];
  const name = link === null ? '' : `${printable(link.name)} `;
  return `${style.strong(`${name}${sysfs.pci}`)}  ${facts.join(', ')}`;
}

const settingColumns = pfSettings.filter(({ shown }) => shown.column !== undefined);

const columns: readonly Column[] = [
  { title: 'VF', right: true },
  { title: 'ADDRESS' },
  { title: 'DRIVER', minWidth: 6 },
  { title: 'NETDEV', minWidth: 8 },
  { title: 'LINK' },
  { title: 'MAC' },
  ...settingColumns.map(({ shown }) => ({ title: shown.column ?? '' })),
];

function rowOf({ style }: Tool, vf: SurveyedVf): Row {
  const { sysfs, index, link, admin, disagreements } = vf;
  const cells: Cell[] = [
    String(index),
    sysfs.pci,
    sysfs.driver ?? { text: 'none', paint: style.bad },
    netdevOf(vf),
    link === null ? '-' : linkWord(link),
    (link === null ? admin?.mac : link.mac) ?? '-',
    ...settingColumns.map((setting) => (admin === null ? '?' : cellOf(setting, admin))),
  ];
  const holder = holderOf(vf);
  const notes: Cell[] = [
    ...(holder === null ? [] : [{ text: holder, paint: style.good }]),
    ...(admin === null ? [] : extraSettings(admin)),
    ...disagreements.map((text) => ({ text: `! ${text}`, paint: style.bad })),
  ];
  return { cells, notes };
}

function cellOf(setting: OnePfSetting, admin: VfAdminState): string {
  return (
    setting.shown.short?.(admin) ??
    fieldsOf(setting)
      .map((field) => admin[field] ?? '?')
      .join()
  );
}

const linkWord = ({ up, carrier }: { readonly up: boolean; readonly carrier: boolean }): string => {
  if (!up) return 'down';
  return carrier ? 'up' : 'no carrier';
};

function netdevOf({ place, link }: SurveyedVf): string {
  if (place === 'host') return link?.name ?? '-';
  return { pod: 'in pod', userspace: '-', unbound: '-', lost: 'lost' }[place];
}

function holderOf({ holder, netns, link, sriovCni }: SurveyedVf): string | null {
  if (sriovCni !== null) return describeEntry(sriovCni);
  if (holder !== null) {
    const { key, pod } = holder;
    const state = pod === 'alive' ? '' : `, pod ${pod}`;
    return `${nameAttachment(holder)}, network ${key.network}${state}`;
  }
  return netns === null ? null : `${link?.name} in ${netns}`;
}

/** Settings with an unusual value, which stand below the table. */
function extraSettings(admin: VfAdminState): string[] {
  const settings = partsOf(admin).flatMap(({ setting }) => {
    const { usual, unit = '' } = setting.shown;
    const unusual = usual === undefined ? [] : fieldsOf(setting).filter((field) => admin[field] !== usual);
    return unusual.map((field) => `${keyOf(setting, field)} ${admin[field]}${unit}`);
  });
  return settings.length === 0 ? [] : [settings.join(', ')];
}

function describeVf({ style }: Tool, pf: SurveyedPf, vf: SurveyedVf): string {
  const { sysfs, index, admin, disagreements } = vf;
  const pfName = `${pf.link === null ? '' : `${pf.link.name} `}(${pf.sysfs.pci}, ${pf.sysfs.driver ?? 'no driver'})`;
  const fields: (readonly [string, Cell])[] = [
    ['PF', `${pfName}, ${linkState(pf)}`],
    ['VF number', String(index)],
    ['driver', sysfs.driver ?? { text: 'none', paint: style.bad }],
    ['PCI ID', `${sysfs.vendor || '?'}:${sysfs.device || '?'}`],
    ['NUMA node', sysfs.numaNode === null ? '-' : String(sysfs.numaNode)],
    ...netdevFields(vf),
    ...adminFields(admin),
    ...recordFields(vf),
  ];
  const problems = disagreements.map((text): readonly [string, Cell] => ['disagreement', { text, paint: style.bad }]);
  return `${style.strong(`VF ${sysfs.pci}`)}\n${formatFields(style, [...fields, ...problems], 2)}`;
}

function netdevFields({ place, link, netns }: SurveyedVf): (readonly [string, Cell])[] {
  const words = {
    host: 'on the host',
    pod: `in ${netns}`,
    userspace: 'none: a user-space driver',
    unbound: 'none',
    lost: 'lost',
  };
  const where = words[place];
  if (link === null) return [['netdev', where]];
  return [
    ['netdev', `${link.name}, ${where}`],
    ['altnames', link.altnames.length === 0 ? '-' : link.altnames.join(' ')],
    ['link', `${link.up ? 'up' : 'down'}, ${link.carrier ? 'carrier' : 'no carrier'}`],
    ['MAC', link.mac ?? 'none: not Ethernet'],
    ['MTU', String(link.mtu)],
  ];
}

function adminFields(admin: VfAdminState | null): (readonly [string, Cell])[] {
  if (admin === null) return [['PF’s settings', 'the PF tells none']];
  return pfSettings.flatMap((setting): (readonly [string, Cell])[] => {
    const { title, long, unit = '', none } = setting.shown;
    if (title !== undefined && long !== undefined) return [[title, long(admin)]];
    return fieldsOf(setting).map((field) => {
      const value = admin[field] ?? '?';
      return [title ?? keyOf(setting, field), value === 0 && none !== undefined ? none : `${value}${unit}`];
    });
  });
}

function recordFields({ holder, sriovCni }: SurveyedVf): (readonly [string, Cell])[] {
  if (sriovCni !== null)
    return [
      ['held by', describeEntry(sriovCni)],
      ['record', sriovCni.path],
      ...(sriovCni.reason === null ? [] : [['no DEL', sriovCni.reason] as const]),
    ];
  if (holder === null) return [['held by', 'nobody, by the records']];
  const { key, record, pod } = holder;
  return [
    ['held by', nameAttachment(holder)],
    ['pod', `${pod}${record.pod?.uid === undefined ? '' : `, UID ${record.pod.uid}`}`],
    ['container', key.containerId],
    ['network', key.network],
    ['namespace', record.netns.path],
    ['phase', `${record.phase}, since ${record.createdAt}`],
    ['found through', record.resolvedFrom],
    ['addresses', record.addresses.length === 0 ? '-' : record.addresses.join(' ')],
    ['on the host', record.snapshot.netdev === null ? '-' : `called ${record.snapshot.netdev.name}`],
  ];
}
