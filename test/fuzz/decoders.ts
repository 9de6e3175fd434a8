// Every decoder of what comes from outside: it throws errors of known meaning alone, and returns no name that could
// leave its directory.
import fc from 'fast-check';
import { specFileNames } from '../../src/allocation/cdi-spec.ts';
import { isUid, parseDeviceName } from '../../src/allocation/device-hint.ts';
import { readDeviceInfo } from '../../src/allocation/device-info.ts';
import { resolveVf } from '../../src/allocation/resolve.ts';
import { parseCniArgs, parseCniArgsLeniently } from '../../src/cni/cni-args.ts';
import { isIdentifier, isInterfaceName } from '../../src/cni/environment.ts';
import { isCniError } from '../../src/cni/errors.ts';
import { parseJson } from '../../src/cni/json-text.ts';
import { readRequest } from '../../src/cni/read-request.ts';
import { formatResult, parseResult } from '../../src/cni/result-versions.ts';
import { supportedVersions } from '../../src/cni/versions.ts';
import { readLogSettings } from '../../src/config/log-settings.ts';
import { parseConf, parseDelConf } from '../../src/config/parse.ts';
import { parseValidAttachments } from '../../src/config/valid-attachments.ts';
import { canonicalCidr, parseAddress } from '../../src/kernel/ip-text.ts';
import { readBlockYaml } from '../../src/lib/block-yaml.ts';
import { createLog } from '../../src/lib/log.ts';
import { parseMacAddress } from '../../src/lib/mac-address.ts';
import { type PciAddress, parsePciAddress } from '../../src/lib/pci-address.ts';
import { printable, quote, show } from '../../src/lib/quote.ts';
import { parseYaml } from '../../src/lib/yaml.ts';
import { type AttachmentRecord, formatRecord } from '../../src/state/attachment-record.ts';
import { parseKey, parseRecord } from '../../src/state/record-codec.ts';
import { RecordStore } from '../../src/state/record-store.ts';
import { readAllocation, readAttachment } from '../../src/state/sriov-cni-cache.ts';
import { createMemoryPlatform } from '../support/memory-platform.ts';
import {
  ask,
  checkpoint,
  claimA,
  claimSpec,
  deviceInfo,
  podSpec,
  specPath,
  vf1,
  vf2,
  vf3,
} from '../unit/allocation/fixture.ts';
import { sampleKey, sampleRecord } from '../unit/state/sample-record.ts';
import {
  hostileText,
  hostileValue,
  spoiltBytes,
  spoiltJson,
  spoiltJsonText,
  spoiltText,
  yamlFragments,
} from './hostile-values.ts';
import { readWith, replies } from './netlink-replies.ts';
import { outcomeOf, require, requirePrintable, type Target, target } from './target.ts';

const fullConf = {
  cniVersion: '1.1.0',
  name: 'vf-net',
  type: 'dra-sriov',
  deviceID: '0000:3b:02.0',
  vlan: 100,
  vlanQoS: 5,
  vlanProto: '802.1ad',
  mac: '02:00:00:00:00:01',
  mtu: 1500,
  spoofchk: 'on',
  trust: 'off',
  link_state: 'auto',
  min_tx_rate: 0,
  max_tx_rate: 100,
  resourceName: 'example.com/nic',
  vfSelector: { pfNames: ['pf0'], vendors: ['8086'], linkType: 'ether' },
  ipam: { type: 'host-local', subnet: '10.0.2.0/24' },
  logLevel: 'info',
  logFile: '/var/log/sriov.log',
  runtimeConfig: { deviceID: '0000:3b:02.0', mac: '02:00:00:00:00:01', ips: ['10.0.2.5/24'] },
  args: { cni: { mac: '02:00:00:00:00:01' } },
  'cni.dev/valid-attachments': [{ containerID: 'c1', ifname: 'net1' }],
  prevResult: {
    cniVersion: '1.1.0',
    interfaces: [{ name: 'eth0', mac: '02:00:00:00:00:02', mtu: 1500, sandbox: '/run/netns/a', pciID: '' }],
    ips: [{ address: '10.0.2.5/24', gateway: '10.0.2.1', interface: 0 }],
    routes: [{ dst: '0.0.0.0/0', gw: '10.0.2.1', mtu: 1400, table: 1, scope: 0 }],
    dns: { nameservers: ['10.0.0.1'], domain: 'a', search: ['b'], options: ['c'] },
  },
};

const cniArgs = 'IgnoreUnknown=1;K8S_POD_NAMESPACE=ns;K8S_POD_NAME=pod;K8S_POD_UID=6f2d8a0c-11aa;MAC=02:00:00:00:00:01';
const argsFragments = [';', '=', ';;', '=;', 'IgnoreUnknown=', 'K8S_POD_UID=', '__proto__=1;', 'MAC='];

const verb = fc.constantFrom('ADD', 'DEL', 'CHECK', 'GC', 'STATUS');
const mostly = (usual: string): fc.Arbitrary<string> =>
  fc.oneof({ weight: 8, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: hostileText });

/** For names that become a part of a path or go to the kernel. */
function requireSafeNames(names: Readonly<Record<string, string>>): void {
  for (const [what, name] of Object.entries(names)) {
    require(!/[/\0\n]/.test(name) && name !== '..' && name !== '.', `${what} is ${JSON.stringify(name)}`);
  }
}

function feedRequest(input: {
  command: string;
  stdin: string;
  args: string;
  id: string;
  ifname: string;
  path: string;
}): string {
  return outcomeOf(() => {
    const environment = {
      CNI_COMMAND: input.command,
      CNI_CONTAINERID: input.id,
      CNI_NETNS: '/run/netns/a',
      CNI_IFNAME: input.ifname,
      CNI_ARGS: input.args,
      CNI_PATH: input.path,
    };
    const request = readRequest(environment, () => input.stdin);
    require(isIdentifier(request.network) && request.network.length <= 255, 'the network has no safe name');
    if (request.command !== 'GC' && request.command !== 'STATUS') {
      require(isIdentifier(request.containerId) &&
        isInterfaceName(request.ifname), 'an attachment without a safe name');
      requireSafeNames({ container: request.containerId, interface: request.ifname, network: request.network });
    }
    parseDelConf(request);
    if (request.command === 'GC') parseValidAttachments(request.config);
    const conf = parseConf(request);
    requireSafeNames({ 'ipam.type': conf.ipam?.type ?? 'none', 'pod UID': conf.pod?.uid ?? 'none' });
    for (const path of [readLogSettings(request.config).logFile, conf.deviceInfoFile]) {
      require(path === undefined || (path.startsWith('/') && !path.split('/').includes('..')), `a path is ${path}`);
    }
    require(request.pluginDirs.every((directory) => directory.startsWith('/')), 'a relative plugin directory');
    require(({} as Record<string, unknown>)['a'] === undefined, 'the prototype of all objects was changed');
    return 'accepted';
  });
}

function feedResult([value, version]: [unknown, string]): string {
  return outcomeOf(() => {
    const result = parseResult(value, version);
    for (const each of supportedVersions) JSON.parse(formatResult(result, each));
    return 'accepted';
  });
}

const allVfs: readonly string[] = [vf1, vf2, vf3];

/** Whatever the files hold, a VF that is found is one that the sound files give to this pod. */
function feedAllocation(files: Readonly<Record<string, string>>, options: Parameters<typeof ask>[0] = {}): string {
  const platform = createMemoryPlatform({ files });
  return outcomeOf(() => {
    const { pci } = resolveVf({ platform, parseYaml }, ask(options));
    require(parsePciAddress(pci) === pci, `what was found is no PCI address: ${pci}`);
    return allVfs.includes(pci) ? 'found' : 'another';
  });
}

const [podYaml = ''] = Object.values(podSpec([vf1, vf2]));
const [claimYaml = ''] = Object.values(claimSpec(claimA, { [vf1]: 'vf-test1', [vf2]: '' }));
const [checkpointText = ''] = Object.values(
  checkpoint([{ claim: claimA, pci: vf1, nad: 'ns/vf-test1', resource: 'a/b' }]),
);
const [checkpointPath = ''] = Object.keys(checkpoint([]));
const [infoPath = ''] = Object.keys(deviceInfo('a/b', vf1));
const specPathJson = specPath('6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01', undefined, 'json');
const specPathYaml = specPath('6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01');
const specJson = JSON.parse(Object.values(podSpec([vf1, vf2], { extension: 'json' }))[0] ?? '') as unknown;

function feedRecord(text: string): string {
  const platform = createMemoryPlatform({ files: { '/var/lib/cni/dra-sriov/vf-net/c1/net1.json': text } });
  const log: string[] = [];
  const store = new RecordStore(platform, createLog({ level: 'debug', write: (line) => void log.push(line) }));
  let record: AttachmentRecord | null;
  try {
    const key = parseKey(text);
    if (key !== null) requireSafeNames({ network: key.network, container: key.containerId, interface: key.ifname });
    record = store.read(sampleKey);
  } catch (thrown) {
    if (!isCniError(thrown, 'recordVersion')) throw thrown;
    require(platform.readDir('/var/lib/cni/dra-sriov/.damaged') === null, 'it was set aside');
    return 'of a newer version';
  }
  for (const line of log) requirePrintable(line.trimEnd(), 'the log');
  if (record === null) {
    require(platform.readDir('/var/lib/cni/dra-sriov/.damaged')?.length === 1, 'it was not set aside');
    return 'set aside';
  }
  require(formatRecord(parseRecord(formatRecord(record))) === formatRecord(record), 'it is not read back as written');
  return 'read';
}

const sriovCniFile = {
  name: 'vf-net',
  deviceID: '0000:3b:02.0',
  vlan: 5,
  MAC: '02:00:00:00:00:01',
  OrigVfState: {
    HostIFName: 'vf0',
    SpoofChk: true,
    Trust: false,
    AdminMAC: '00:00:00:00:00:00',
    EffectiveMAC: '02:00:00:00:00:02',
    Vlan: 0,
    VlanQoS: 0,
    VlanProto: 33024,
    MinTxRate: 0,
    MaxTxRate: 0,
    LinkState: 0,
    MTU: 1500,
  },
};

function feedSriovCni([text, netns]: [string, string]): string {
  const directory = '/var/lib/cni/sriov';
  const files = { [`${directory}/c1-net1`]: text, [`${directory}/pci/${vf1}`]: netns, '/proc/uptime': '100.0 1.0' };
  const platform = createMemoryPlatform({ files });
  const path = outcomeOf(() => readAllocation(platform, vf1 as PciAddress) ?? '/none');
  require(/^[/\d]/.test(path) && !path.includes('\0'), `a namespace's path is ${JSON.stringify(path)}`);
  return outcomeOf(() => {
    const attachment = readAttachment(platform, 'c1', 'net1');
    requireSafeNames({ network: attachment?.network ?? 'none', interface: attachment?.netdev?.name ?? 'none' });
    return attachment === null ? 'none' : 'read';
  });
}

function feedYaml(text: string): string {
  const plain = readBlockYaml(text);
  try {
    const value = parseYaml(text);
    require(plain === undefined || JSON.stringify(plain) === JSON.stringify(value), 'the two readers of YAML disagree');
    require(JSON.stringify(value ?? null).length < 10_000_000, 'a small text became a big value');
    return 'accepted';
  } catch (thrown) {
    require(thrown instanceof Error && thrown.name === 'YamlError', `not a YamlError: ${String(thrown)}`);
    require(plain === undefined, 'one reader of YAML takes what the other refuses');
    return 'refused';
  }
}

function feedWords(text: string): string {
  for (const shown of [quote(text), show(text), show({ [text]: text }), printable(text)])
    requirePrintable(shown, 'a quotation');
  const lines: string[] = [];
  const log = createLog({ level: 'debug', write: (line) => void lines.push(line), context: { [text]: text } });
  log.info(text, { [text]: text, error: new Error(text, { cause: new Error(text) }), list: [text] });
  requirePrintable((lines[0] ?? '').trimEnd(), 'a line of the log');
  if (isUid(text)) requireSafeNames(Object.fromEntries(specFileNames(text).map((name) => [name, name])));
  const name = parseDeviceName(text);
  require(name === null ||
    name.pci === null ||
    parsePciAddress(name.pci) === name.pci, 'a device name without an address');
  const [pci, mac] = [parsePciAddress(text), parseMacAddress(text)];
  require(pci === null || /^[0-9a-f:.]{12,16}$/.test(pci), `a PCI address is ${pci}`);
  require(mac === null || /^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/.test(mac), `a MAC is ${mac}`);
  for (const parse of [canonicalCidr, parseAddress]) {
    try {
      parse(text);
    } catch (thrown) {
      require(thrown instanceof Error && thrown.name !== 'TypeError' && thrown.name !== 'RangeError', String(thrown));
    }
  }
  return pci === null && mac === null ? 'a word' : 'an address';
}

const words = fc.oneof(
  hostileText,
  spoiltText('0000:3b:02.1'),
  spoiltText('02:00:00:00:00:01'),
  spoiltText('2001:db8::ffff:10.0.2.5/64'),
  spoiltText('10.0.2.5/24'),
  spoiltText(`${claimA}-0000-3b-02-1`),
);

export const decoders: readonly Target[] = [
  target(
    'environment and stdin',
    fc.record({
      command: verb,
      stdin: spoiltJsonText(fullConf),
      args: spoiltText(cniArgs, argsFragments, 2),
      id: mostly('c1'),
      ifname: mostly('net1'),
      path: mostly('/opt/cni/bin:/usr/lib/cni'),
    }),
    feedRequest,
  ),
  target(
    'CNI_ARGS',
    spoiltText(cniArgs, argsFragments),
    (text) => {
      parseCniArgsLeniently(text);
      return outcomeOf(() => (Object.keys(parseCniArgs(text)).length > 0 ? 'accepted' : 'empty'));
    },
    4,
  ),
  target('JSON', fc.oneof(spoiltJsonText(fullConf), hostileText), (text) =>
    outcomeOf(() => (parseJson(text, 'it') === null ? 'null' : 'accepted')),
  ),
  target(
    'result of a plugin',
    fc.tuple(spoiltJson(fullConf.prevResult), fc.constantFrom(...supportedVersions)),
    feedResult,
  ),
  target('YAML', fc.oneof(spoiltText(podYaml, yamlFragments), spoiltText(claimYaml, yamlFragments, 8)), feedYaml),
  target('per-pod CDI spec in YAML', spoiltText(podYaml, yamlFragments), (text) =>
    feedAllocation({ [specPathYaml]: text }),
  ),
  target('per-pod CDI spec in JSON', spoiltJsonText(specJson), (text) => feedAllocation({ [specPathJson]: text })),
  target('per-claim CDI spec', spoiltText(claimYaml, yamlFragments), (text) =>
    feedAllocation({ ...podSpec([vf1, vf2]), [specPath(claimA)]: text }),
  ),
  target('another pod’s CDI spec', fc.tuple(spoiltText(podYaml, yamlFragments), hostileText), ([text, hint]) =>
    feedAllocation({ '/var/run/cdi/sriovnetwork.x.yaml': text }, { deviceID: hint === '' ? vf3 : hint }),
  ),
  target(
    'device-info',
    spoiltJsonText({ type: 'pci', version: '1.1.0', pci: { 'pci-address': vf1 } }),
    (text) => {
      const info = readDeviceInfo(createMemoryPlatform({ files: { [infoPath]: text } }), infoPath);
      if (info.kind === 'pci') require(parsePciAddress(info.pci) === info.pci, `an address is ${info.pci}`);
      if (info.kind === 'other') requirePrintable(info.type, 'the type');
      return info.kind;
    },
    2,
  ),
  target('checkpoint', spoiltJsonText(JSON.parse(checkpointText)), (text) =>
    feedAllocation({ [checkpointPath]: text }),
  ),
  target('record', spoiltJsonText(sampleRecord), feedRecord),
  target(
    'file of sriov-cni',
    fc.tuple(spoiltJsonText(sriovCniFile), fc.oneof(hostileText, fc.constant('/run/netns/a'))),
    feedSriovCni,
  ),
  target('words', words, feedWords, 2),
  target('values', hostileValue, (value) => {
    requirePrintable(show(value), 'a value');
    return typeof value;
  }),
  ...replies.map((reply) =>
    target(
      `netlink: ${reply.name}`,
      fc.tuple(
        spoiltBytes(reply.sample),
        fc.oneof({ weight: 9, arbitrary: fc.constant(null) }, { weight: 1, arbitrary: fc.nat(80) }),
      ),
      ([bytes, refusalBytes]) => readWith(reply, bytes, refusalBytes),
    ),
  ),
];
