// The executable itself, on a node of stand-ins: whatever it is fed with, it ends by itself, with 0 or 1, and answers
// once.
import { spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { FakeIpam, printing } from '../blackbox/fake-ipam.ts';
import { asRoot } from '../support/netns.ts';
import { builtExecutable, type StandInNode, withStandInNode } from '../support/stand-in-node.ts';
import { suite } from '../support/suite.ts';
import { sampleRecord } from '../unit/state/sample-record.ts';
import { hostileText, spoiltBytes, spoiltJsonText, spoiltText, yamlFragments } from './hostile-values.ts';
import { fuzzExtent } from './run-target.ts';
import { require, requirePrintable } from './target.ts';

const test = suite('fuzz/executable');
const root = asRoot(test);

const podUid = '6f2d8a0c-11aa-4c57-9d5e-3f1b0a7c9e01';
const kind = 'sriovnetwork.k8snetworkplumbingwg.io';

interface Input {
  readonly verb: string;
  readonly stdin: Buffer | string;
  readonly environment: Readonly<Record<string, string>>;
  /** Texts by their path below the node's directory. */
  readonly files: Readonly<Record<string, string>>;
}

const mostly = (usual: string, odd: fc.Arbitrary<string> = hostileText): fc.Arbitrary<string> =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd });

/** Without NUL, which no environment can hold. */
const variable = (text: fc.Arbitrary<string>): fc.Arbitrary<string> => text.map((value) => value.replaceAll('\0', ''));

/** The answer of a plugin in place of host-local, which would write wherever a spoilt config says. */
const ipamResult = {
  cniVersion: '1.0.0',
  ips: [{ address: '10.0.2.5/24', gateway: '10.0.2.1' }],
  routes: [{ dst: '0.0.0.0/0' }],
};

const pluginDir = (node: StandInNode): string => join(node.directory, 'plugins');

function inputs(node: StandInNode): fc.Arbitrary<Input> {
  const [one = '', two = ''] = node.vfPcis;
  const conf = {
    ...node.conf(),
    deviceID: one,
    vlann: 1,
    ipam: { type: 'fake-ipam' },
    args: { cni: {} },
    runtimeConfig: {},
  };
  const pod = `kind: ${kind}/vf\ndevices:\n- name: ${podUid}\n  containerEdits:\n    env:\n    - SRIOVNETWORK_PCI_ADDRESSES=${one},${two}\n`;
  const prepared = { c1: [{ PciAddress: two, PodUID: podUid }] };
  const checkpoint = { checksum: 1, v1: { preparedClaimsByPodUID: { [podUid]: prepared } } };
  const text = JSON.stringify(conf);
  // The record's VF is gone: of one that is there, a forged record may well change the name.
  const identity = { ...sampleRecord.identity, pci: '0000:3b:1f.7' };
  const record = { ...sampleRecord, key: { ...sampleRecord.key, network: 'vf-test1' }, identity, ipam: null };
  return fc.record({
    verb: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom('ADD', 'ADD', 'DEL', 'CHECK', 'GC', 'STATUS') },
      { weight: 1, arbitrary: variable(hostileText) },
    ),
    stdin: fc.oneof(
      spoiltJsonText(conf),
      spoiltBytes(Buffer.from(text)),
      fc.constant(JSON.stringify({ ...conf, deviceID: undefined })),
    ),
    environment: fc.record({
      CNI_CONTAINERID: variable(mostly('c1')),
      CNI_IFNAME: variable(mostly('net1')),
      CNI_NETNS: variable(mostly(node.pod.path)),
      CNI_PATH: variable(mostly(pluginDir(node))),
      CNI_ARGS: variable(
        mostly(
          `IgnoreUnknown=1;K8S_POD_UID=${podUid}`,
          spoiltText(`K8S_POD_UID=${podUid};IgnoreUnknown=1`, [';', '=']),
        ),
      ),
    }),
    files: fc.record({
      [`cdi/${kind}-vf_${podUid}.yaml`]: mostly(pod, spoiltText(pod, yamlFragments)),
      [`kubelet/plugins/${kind}/checkpoint.json`]: mostly('', spoiltJsonText(checkpoint)),
      'state/vf-test1/c1/net1.json': mostly('', spoiltJsonText(record)),
      [`state/.vfs/${one}`]: mostly('', spoiltJsonText(record)),
    }),
  });
}

function place(node: StandInNode, files: Input['files']): void {
  for (const [name, content] of Object.entries(files)) {
    const path = join(node.directory, name);
    rmSync(path, { force: true });
    if (content === '') continue;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(path, content, { mode: 0o600 });
  }
}

const logLine = /^(time=\S+ level=\w+ msg="|logFile .* can't be written: )/;

function feed(node: StandInNode, input: Input): string {
  place(node, input.files);
  const { status, signal, stdout, stderr } = spawnSync('ip', ['netns', 'exec', node.host.name, builtExecutable], {
    env: { ...node.environment, ...input.environment, CNI_COMMAND: input.verb },
    input: input.stdin,
    cwd: node.directory,
    encoding: 'utf8',
    timeout: 60_000,
  });
  require(signal === null && (status === 0 || status === 1), `it ended with ${signal ?? status}: ${stderr}`);
  if (stdout !== '') require(stdout.indexOf('\n') === stdout.length - 1, `stdout is not one line: ${stdout}`);
  requirePrintable(stdout.trimEnd(), 'stdout');
  for (const line of stderr.split('\n').filter((each) => each !== '')) {
    requirePrintable(line, 'stderr');
    require(input.verb === '' || logLine.test(line), `stderr holds ${line}`);
  }
  if (status === 0) return `${input.verb} done`;
  if (input.verb === '') return 'a command line';
  const { code } = JSON.parse(stdout) as { code?: unknown };
  require(typeof code === 'number' && code !== 999, `the error is ${stdout}`);
  return String(code);
}

/** Undoes what the input began, so that the next one finds the node as it was. */
function clean(node: StandInNode): void {
  place(node, Object.fromEntries(['cdi', 'kubelet'].map((name) => [`${name}/none`, ''])));
  const left = node.stateFiles().filter((name) => name.endsWith('.json'));
  for (const name of left) {
    const [network = '', containerId = '', ifname = ''] = name.replace(/\.json$/, '').split('/');
    node.succeed('DEL', node.conf({ name: network }), { containerId, ifname, env: { CNI_PATH: pluginDir(node) } });
  }
  const names = (node.host.ip('link', 'show') as { ifname: string }[]).map((link) => link.ifname);
  require(['vf0', 'vf1'].every((name) => names.includes(name)), `a VF is lost: ${names.join(', ')}`);
  rmSync(join(node.directory, 'state'), { recursive: true, force: true });
  mkdirSync(join(node.directory, 'state'));
}

root(`whatever it is fed with, seed ${fuzzExtent.seed}`, () => {
  withStandInNode({ built: true }, (node) => {
    new FakeIpam(node, { ADD: printing(ipamResult) });
    const count = fuzzExtent.isFull ? Math.min(fuzzExtent.cases, 5000) : 100;
    const outcomes: Record<string, number> = {};
    for (const [index, input] of fc.sample(inputs(node), { numRuns: count, seed: fuzzExtent.seed }).entries()) {
      try {
        const outcome = feed(node, input);
        outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
        clean(node);
      } catch (thrown) {
        const shown = JSON.stringify({ ...input, stdin: input.stdin.toString() });
        throw new Error(`input ${index} of seed ${fuzzExtent.seed}: ${String(thrown)}: ${shown}`, { cause: thrown });
      }
    }
    for (const seen of ['ADD done', '6', '7'])
      require((outcomes[seen] ?? 0) > 0, `${seen} is not in ${JSON.stringify(outcomes)}`);
    fuzzExtent.report('the executable', outcomes);
  });
});
