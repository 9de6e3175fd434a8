import { createMemoryPlatform } from '../../../support/memory-platform.ts';
import { operate } from '../../../support/operate.ts';
import { assert, suite } from '../../../support/suite.ts';

const test = suite('cli/validate/mistakes');

// Mistakes that people make, from public definitions and our own. Each is found where it stands, as line and column,
// with what is meant; the text with that in its place, or the corrected text, has nothing to be said about.

interface Mistake {
  readonly what: string;
  readonly text: string;
  /** `line:column` */
  readonly at: string;
  /** What is meant, to be written in the mistake's place; or the whole text set right, if one word can't do that. */
  readonly fix: string | number | { readonly right: string } | null;
  readonly severity?: 'warning';
  readonly says?: string;
}

interface Found {
  readonly severity: string;
  readonly path: string;
  readonly message: string;
  readonly line: number | null;
  readonly column: number | null;
  readonly fix: string | number | null;
}

function findingsOf(text: string): { readonly valid: boolean; readonly findings: readonly Found[] } {
  const name = /^\s*[{[]/.test(text) ? '/f.json' : '/f.yaml';
  const { json, stderr } = operate(createMemoryPlatform({ files: { [name]: text } }), 'validate', '--json', name);
  assert.ok(json !== undefined, stderr);
  const { valid, files } = json as { valid: boolean; files: readonly { findings: readonly Found[] }[] };
  return { valid, findings: files[0]?.findings ?? [] };
}

/** The text with the word at a position, in quotes or not, replaced. */
function replaceAt(text: string, at: string, fix: string | number): string {
  const [line = 1, column = 1] = at.split(':').map(Number);
  const before = text.split('\n').slice(0, line - 1);
  const offset = before.reduce((total, each) => total + each.length + 1, 0) + column - 1;
  const word = /"[^"]*"|'[^']*'|\\"[^"]*"|[^\s,:\]}"']+(?::[^\s,\]}"']+)*/y;
  word.lastIndex = offset;
  const [found = ''] = word.exec(text) ?? [];
  const quoted = /^("|true|false)/.test(found) && typeof fix === 'string' ? `"${fix}"` : String(fix);
  return `${text.slice(0, offset)}${quoted}${text.slice(offset + found.length)}`;
}

/** A network config, in which what is given begins at 4:3. */
const conf = (keys: string): string => `{\n  "cniVersion": "1.0.0",\n  "name": "net", "type": "sriov",\n  ${keys}\n}\n`;

/** One with host-local's `ipam`, in which what is given begins at 5:5. */
const hostLocal = (keys: string): string => conf(`"ipam": { "type": "host-local",\n    ${keys}\n  }`);

/** A definition, in whose config what is given begins at 9:7. */
const definition = (keys: string, { name = 'net', head = '' } = {}): string => `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: net
${head}spec:
  config: |
    {
      "cniVersion": "1.0.0", "name": "${name}", "type": "sriov",
      ${keys}
    }
`;

/** A claim template, of which the request begins at 8:9. */
const claim = (request: string, { version = 'v1', rest = '' } = {}): string => `apiVersion: resource.k8s.io/${version}
kind: ResourceClaimTemplate
metadata:
  name: vfs
spec:
  spec:
    devices:
      requests:
      - ${request}
${rest}`;

const exactly = 'name: vf\n        exactly: {deviceClassName: sriovnetwork.k8snetworkplumbingwg.io, count: 2}';
const flat = 'name: vf\n        deviceClassName: sriovnetwork.k8snetworkplumbingwg.io\n        count: 2';

const vfConfig = (parameters: string, requests = 'vf'): string => `      config:
      - requests: [${requests}]
        opaque:
          driver: sriovnetwork.k8snetworkplumbingwg.io
          parameters:
            apiVersion: sriovnetwork.k8snetworkplumbingwg.io/v1alpha1
            kind: VfConfig
            ${parameters}
`;

/** A deployment; `annotations` are those of its template and begin at 12:9. */
const deployment = (
  annotations: string,
  {
    own = '',
    claims = 'name: vfs\n        resourceClaimTemplateName: vfs',
    use = 'vfs',
    kind = 'Deployment',
    api = 'apps/v1',
  } = {},
): string => `apiVersion: ${api}
kind: ${kind}
metadata:
  name: web
${own}spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations:
        ${annotations}
    spec:
      resourceClaims:
      - ${claims}
      containers:
      - name: web
        resources: {claims: [{name: ${use}}]}
`;

const key = 'k8s.v1.cni.cncf.io/networks';
const lan = definition('"vlan": 5');
const two = claim(exactly);
const all = (...texts: readonly string[]): string => texts.join('---\n');
/** A deployment behind the two objects that it needs; its own first line is the 24th. */
const whole = (text: string): string => all(lan, two, text);
const first = whole('').split('\n').length;
/** A position in the deployment, as one in the whole text. */
const inWhole = (line: number, column: number): string => `${first + line - 1}:${column}`;

const misspelt = (written: string, meant: string, value: string): Mistake => ({
  what: `the key ${written}`,
  text: conf(`"${written}": ${value}`),
  at: '4:3',
  fix: meant,
});

const wrongValue = (name: string, written: string, fix: string | number): Mistake => ({
  what: `${name}: ${written}`,
  text: conf(`"vlan": 5, "${name}": ${written}`),
  at: `4:${18 + name.length}`,
  fix,
});

const inHostLocal = (keys: string, column: number, fix: string | null, right?: string): Mistake => ({
  what: `host-local with ${keys}`,
  text: hostLocal(keys),
  at: `5:${column}`,
  fix: right === undefined ? fix : { right: hostLocal(right) },
});

const mistakes: readonly Mistake[] = [
  // keys of the network config
  misspelt('vlanId', 'vlan', '100'),
  misspelt('vlan_id', 'vlan', '100'),
  misspelt('vlanID', 'vlan', '100'),
  misspelt('vlna', 'vlan', '100'),
  misspelt('spoofcheck', 'spoofchk', '"off"'),
  misspelt('spoof_chk', 'spoofchk', '"off"'),
  misspelt('spoofChecking', 'spoofchk', '"off"'),
  misspelt('trusted', 'trust', '"on"'),
  misspelt('trustMode', 'trust', '"on"'),
  misspelt('maxTxRate', 'max_tx_rate', '100'),
  misspelt('max_rate', 'max_tx_rate', '100'),
  misspelt('minTxRate', 'min_tx_rate', '100'),
  misspelt('linkState', 'link_state', '"auto"'),
  misspelt('link-state', 'link_state', '"auto"'),
  misspelt('macAddress', 'mac', '"02:00:00:00:00:01"'),
  misspelt('pciAddress', 'deviceID', '"0000:3b:02.1"'),
  misspelt('device_id', 'deviceID', '"0000:3b:02.1"'),
  { ...misspelt('loglevel', 'logLevel', '"debug"'), severity: 'warning' },
  misspelt('resource_name', 'resourceName', '"example.com/nic"'),
  misspelt('selectors', 'vfSelector', '{"drivers": ["iavf"]}'),
  { what: 'vlanQos beside vlan', text: conf('"vlan": 5, "vlan_qos": 3'), at: '4:14', fix: 'vlanQoS' },
  { what: 'qos', text: conf('"vlan": 5, "qos": 3'), at: '4:14', fix: 'vlanQoS' },
  { what: 'pfName in vfSelector', text: conf('"vfSelector": {"pfName": ["ens1"]}'), at: '4:18', fix: 'pfNames' },
  {
    what: 'rootDevices, of the device plugin',
    text: conf('"vfSelector": {"rootDevices": ["ens1"]}'),
    at: '4:18',
    fix: 'pfNames',
  },
  {
    what: 'a key that nobody knows',
    text: conf('"colour": "red"'),
    at: '4:3',
    fix: { right: conf('"vlan": 5') },
    severity: 'warning',
  },
  // values
  wrongValue('mtu', '"1500"', 1500),
  wrongValue('max_tx_rate', '"100"', 100),
  wrongValue('spoofchk', 'true', 'on'),
  wrongValue('spoofchk', '"yes"', 'on'),
  wrongValue('trust', 'false', 'off'),
  wrongValue('trust', '"On"', 'on'),
  wrongValue('link_state', '"enabled"', 'enable'),
  wrongValue('vlanProto', '"802.1p"', '802.1q'),
  wrongValue('deviceID', '"3b:02.1"', '0000:3b:02.1'),
  wrongValue('pciBusID', '"3b:02.1"', '0000:3b:02.1'),
  { what: 'a VLAN in quotes', text: conf('"vlan": "100"'), at: '4:11', fix: 100 },
  { what: 'a VLAN that there is not', text: conf('"vlan": 4095'), at: '4:11', fix: { right: conf('"vlan": 4094') } },
  {
    what: 'a log that is never written',
    text: conf('"logFile": "/tmp/sriov.log"'),
    at: '4:14',
    fix: '/var/log/dra-sriov/sriov.log',
    severity: 'warning',
  },
  // IPAM
  {
    what: 'ipam.type hostlocal',
    text: conf('"ipam": {"type": "hostlocal", "subnet": "10.0.2.0/24"}'),
    at: '4:20',
    fix: 'host-local',
  },
  {
    what: 'ipam.type host_local',
    text: conf('"ipam": {"type": "host_local", "subnet": "10.0.2.0/24"}'),
    at: '4:20',
    fix: 'host-local',
  },
  { what: 'ipam.type whereabout', text: conf('"ipam": {"type": "whereabout"}'), at: '4:20', fix: 'whereabouts' },
  inHostLocal('"subnet": "10.0.2.1/24"', 15, '10.0.2.0/24'),
  inHostLocal('"subnet": "fd00::1/64"', 15, 'fd00::/64'),
  inHostLocal('"subnet": "10.0.2.0"', 15, null, '"subnet": "10.0.2.0/24"'),
  inHostLocal('"subnet": "10.0.2.0/33"', 15, null, '"subnet": "10.0.2.0/24"'),
  inHostLocal('"subnet": "10.0.2.0/32"', 15, null, '"subnet": "10.0.2.0/24"'),
  inHostLocal('"Subnet": "10.0.2.0/24"', 5, 'subnet'),
  inHostLocal('"cidr": "10.0.2.0/24"', 5, 'subnet'),
  inHostLocal('"ranges": [{}]', 16, null, '"ranges": [[{"subnet": "10.0.2.0/24"}]]'),
  inHostLocal('"ranges": [{"subnet": "10.0.2.0/24"}]', 16, null, '"ranges": [[{"subnet": "10.0.2.0/24"}]]'),
  inHostLocal('"ranges": [[{}]]', 17, null, '"ranges": [[{"subnet": "10.0.2.0/24"}]]'),
  inHostLocal('"ranges": [[]]', 16, null, '"ranges": [[{"subnet": "10.0.2.0/24"}]]'),
  inHostLocal('"ranges": [[{"subnet": "10.0.2.9/24"}]]', 28, '10.0.2.0/24'),
  inHostLocal('"subnet": "10.0.2.0/24", "rangestart": "10.0.2.9"', 30, 'rangeStart'),
  inHostLocal(
    '"subnet": "10.0.2.0/24", "rangeStart": "10.0.3.9"',
    44,
    null,
    '"subnet": "10.0.2.0/24", "rangeStart": "10.0.2.9"',
  ),
  inHostLocal(
    '"subnet": "10.0.2.0/24", "gateway": "10.0.2.1/24"',
    41,
    null,
    '"subnet": "10.0.2.0/24", "gateway": "10.0.2.1"',
  ),
  inHostLocal('"subnet": "10.0.2.0/24", "routes": [{"dst": "10.9.0.1"}]', 49, '10.9.0.1/32'),
  inHostLocal('"subnet": "10.0.2.0/24", "routes": [{"destination": "0.0.0.0/0"}]', 42, 'dst'),
  {
    what: 'a static address without prefix',
    text: conf('"ipam": {"type": "static", "addresses": [{"address": "10.0.2.7"}]}'),
    at: '4:56',
    fix: { right: conf('"ipam": {"type": "static", "addresses": [{"address": "10.0.2.7/24"}]}') },
  },
  // JSON
  { what: 'a repeated key', text: conf('"vlan": 5, "vlan": 6'), at: '4:14', fix: { right: conf('"vlan": 6') } },
  { what: 'a comma too much', text: conf('"vlan": 5,'), at: '5:1', fix: { right: conf('"vlan": 5') } },
  {
    what: 'a comma missing',
    text: conf('"vlan": 5 "mtu": 1500'),
    at: '4:13',
    fix: { right: conf('"vlan": 5, "mtu": 1500') },
  },
  { what: 'a comment', text: conf('"vlan": 5 // five'), at: '4:13', fix: { right: conf('"vlan": 5') } },
  { what: 'single quotes', text: conf("'vlan': 5"), at: '4:3', fix: { right: conf('"vlan": 5') } },
  // the definition around it
  { what: 'a misspelt key in a definition', text: definition('"spoofcheck": "off"'), at: '9:7', fix: 'spoofchk' },
  {
    what: 'a comma too much in a definition',
    text: definition('"vlan": 5,'),
    at: '10:5',
    fix: { right: definition('"vlan": 5') },
  },
  {
    what: 'a repeated key in a definition',
    text: definition('"vlan": 5, "vlan": 6'),
    at: '9:18',
    fix: { right: definition('"vlan": 6') },
  },
  {
    what: 'another name than the definition’s',
    text: definition('"vlan": 5', { name: 'other' }),
    at: '8:38',
    fix: 'net',
    severity: 'warning',
  },
  {
    what: 'a misspelt kind',
    text: lan.replace('AttachmentDefinition', 'AttachmentDefiniton'),
    at: '2:7',
    fix: 'NetworkAttachmentDefinition',
  },
  {
    what: 'a kind in the plural',
    text: two.replace('ClaimTemplate', 'ClaimTemplates'),
    at: '2:7',
    fix: 'ResourceClaimTemplate',
  },
  {
    what: 'a kind in lower case',
    text: two.replace('ResourceClaimTemplate', 'resourceClaimTemplate'),
    at: '2:7',
    fix: 'ResourceClaimTemplate',
  },
  {
    what: 'apiVersion of a definition',
    text: lan.replace('cncf.io/v1', 'cncf.io/v1alpha1'),
    at: '1:13',
    fix: 'k8s.cni.cncf.io/v1',
  },
  {
    what: 'a config as YAML, not JSON in a text',
    text: 'apiVersion: k8s.cni.cncf.io/v1\nkind: NetworkAttachmentDefinition\nmetadata: {name: net}\nspec:\n  config:\n    type: sriov\n',
    at: '6:5',
    fix: { right: lan },
  },
  {
    what: 'a quoted config on one line',
    text: lan.replace(/config: [\s\S]*/, `config: '{"type": "sriov", "trusted": "on"}'\n`),
    at: '6:30',
    fix: 'trust',
  },
  {
    what: 'a folded config',
    text: lan.replace(/config: [\s\S]*/, 'config: >-\n    {"type": "sriov",\n    "trusted": "on"}\n'),
    at: '8:5',
    fix: 'trust',
  },
  // claims
  { what: 'v1beta1 with v1’s syntax', text: claim(exactly, { version: 'v1beta1' }), at: '10:9', fix: { right: two } },
  {
    what: 'v1 with v1beta1’s syntax',
    text: claim(flat),
    at: '10:9',
    fix: { right: claim(flat, { version: 'v1beta1' }) },
  },
  {
    what: 'v1beta2 with v1beta1’s syntax',
    text: claim(flat, { version: 'v1beta2' }),
    at: '10:9',
    fix: { right: claim(exactly, { version: 'v1beta2' }) },
  },
  {
    what: 'apiVersion of a claim',
    text: two.replace('resource.k8s.io/v1', 'resource.k8s.io/v2'),
    at: '1:13',
    fix: 'resource.k8s.io/v1',
  },
  { what: 'a count in quotes', text: two.replace('count: 2', 'count: "2"'), at: '10:81', fix: { right: two } },
  { what: 'a count of 0', text: two.replace('count: 2', 'count: 0'), at: '10:81', fix: { right: two } },
  { what: 'Count', text: two.replace('count: 2', 'Count: 2'), at: '10:74', fix: 'count' },
  { what: 'deviceClass', text: two.replace('deviceClassName', 'deviceClass'), at: '10:19', fix: 'deviceClassName' },
  { what: 'exact', text: two.replace('exactly', 'exact'), at: '10:9', fix: 'exactly' },
  {
    what: 'allocationMode',
    text: two.replace('count: 2', 'allocationMode: exactCount'),
    at: '10:90',
    fix: 'ExactCount',
  },
  {
    what: 'a VfConfig for a request that is not there',
    text: claim(exactly, { rest: vfConfig('ifName: net1', 'vfs') }),
    at: '12:20',
    fix: 'vf',
  },
  {
    what: 'netAttachDef',
    text: claim(exactly, { rest: vfConfig('netAttachDef: net') }),
    at: '18:13',
    fix: 'netAttachDefName',
  },
  { what: 'ifname', text: claim(exactly, { rest: vfConfig('ifname: net1') }), at: '18:13', fix: 'ifName' },
  // pods
  {
    what: 'the annotation on the Deployment',
    text: whole(
      deployment('{}', { own: `  annotations:\n    ${key}: net,net\n` }).replace(
        '      annotations:\n        {}\n',
        '',
      ),
    ),
    at: inWhole(6, 5),
    fix: { right: whole(deployment(`${key}: net,net`)) },
    says: 'spec.template.metadata.annotations',
  },
  {
    what: 'the annotation misspelt',
    text: whole(deployment('k8s.v1.cni.cncf.io/network: net,net')),
    at: inWhole(12, 9),
    fix: key,
  },
  {
    what: 'the annotation’s group misspelt',
    text: whole(deployment('k8s.cni.cncf.io/networks: net,net')),
    at: inWhole(12, 9),
    fix: key,
  },
  {
    what: 'a network that is not there',
    text: whole(deployment(`${key}: net, nett`)),
    at: inWhole(12, 43),
    fix: 'net',
  },
  {
    what: 'a network that is not there, in JSON',
    text: whole(deployment(`${key}: '[{"name": "net"}, {"name": "nte"}]'`)),
    at: inWhole(12, 66),
    fix: 'net',
  },
  {
    what: 'three networks, two VFs',
    text: whole(deployment(`${key}: net,net,net`)),
    at: inWhole(12, 38),
    fix: { right: whole(deployment(`${key}: net,net`)) },
  },
  {
    what: 'a template that is not there',
    text: whole(deployment(`${key}: net,net`, { claims: 'name: vfs\n        resourceClaimTemplateName: vf' })),
    at: inWhole(16, 36),
    fix: 'vfs',
  },
  {
    what: 'resourceClaimTemplate',
    text: whole(deployment(`${key}: net,net`, { claims: 'name: vfs\n        resourceClaimTemplate: vfs' })),
    at: inWhole(16, 9),
    fix: 'resourceClaimTemplateName',
  },
  {
    what: 'a claim that the pod has not',
    text: whole(deployment(`${key}: net,net`, { use: 'vf' })),
    at: inWhole(19, 37),
    fix: 'vfs',
  },
  {
    what: 'apiVersion of a Deployment',
    text: whole(deployment(`${key}: net,net`, { api: 'app/v1' })),
    at: inWhole(1, 13),
    fix: 'apps/v1',
  },
  { what: 'YAML that is none', text: lan.replace('  name: net', '  name: [net'), at: '5:1', fix: { right: lan } },
];

for (const { what, text, at, fix, severity = 'error', says } of mistakes) {
  test(what, () => {
    const { valid, findings } = findingsOf(text);
    const said = findings
      .map((each) => `${each.line}:${each.column} ${each.severity} ${each.path}: ${each.message}`)
      .join('\n');
    assert.is(valid, severity === 'warning', said);
    const found = findings.find(({ line, column }) => `${line}:${column}` === at);
    assert.ok(found !== undefined, `nothing at ${at}, but\n${said}`);
    assert.is(found.severity, severity, said);
    if (says !== undefined) assert.match(found.message, says);
    const isWord = typeof fix === 'string' || typeof fix === 'number';
    if (isWord) assert.is(found.fix, fix, said);
    const right = isWord ? replaceAt(text, at, fix) : fix?.right;
    if (right !== undefined) assert.equal(findingsOf(right), { valid: true, findings: [] }, right);
    // A mistake has one finding, and its consequences have none.
    assert.is(findings.length, 1, said);
  });
}

test('there are some 80 of them', () => assert.ok(mistakes.length >= 80, String(mistakes.length)));
