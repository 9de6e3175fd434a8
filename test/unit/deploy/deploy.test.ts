import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { IDaemonSet } from 'kubernetes-models/apps/v1';
import type { IContainer } from 'kubernetes-models/v1';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { runCli } from '../../../src/cli/cli.ts';
import { formatVersions } from '../../../src/cni/versions.ts';
import { version } from '../../../src/version.ts';
import { hasGo } from '../../support/go.ts';
import { apiProblems } from '../../support/kubernetes-api.ts';
import { MemoryNode } from '../../support/memory-node.ts';
import { createMemoryPlatform } from '../../support/memory-platform.ts';
import { operate } from '../../support/operate.ts';
import { peer } from '../../support/peers.ts';
import { sourceParts } from '../../support/source-parts.ts';
import { assert, suite, type TestBody } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';

const test = suite('deploy');

const directory = join(import.meta.dirname, '../../../deploy');
const kustomize = peer('kustomize');
const overlays = ['base', 'as-sriov', 'remove'] as const;
type Folder = (typeof overlays)[number];

function withKustomize(name: string, body: TestBody): void {
  if (kustomize === null) test.skip(name, 'there is no kustomize: Go is not installed');
  else test(name, body);
}

/** What `kubectl apply -k` would apply: one DaemonSet. */
function build(overlay: Folder): IDaemonSet {
  return buildFolder(join(directory, overlay));
}

function buildFolder(folder: string): IDaemonSet {
  const text = execFileSync(kustomize ?? '', ['build', folder], { encoding: 'utf8' });
  const [daemonSet, ...others] = parseAllDocuments(text).map((document) => document.toJS() as IDaemonSet);
  assert.equal(others, []);
  if (daemonSet === undefined) throw new Error(`${folder} is empty`);
  return daemonSet;
}

function podOf(daemonSet: IDaemonSet) {
  const pod = daemonSet.spec?.template.spec;
  if (pod === undefined) throw new Error('no pod');
  return pod;
}

function containersOf(daemonSet: IDaemonSet): readonly IContainer[] {
  const { initContainers = [], containers } = podOf(daemonSet);
  return [...initContainers, ...containers];
}

withKustomize('the overlay of docs/fleet.md puts the plugin into another directory', () => {
  const text = readFileSync(join(directory, '../docs/fleet.md'), 'utf8');
  const [, overlay = ''] = /^```yaml\n(apiVersion: kustomize.*?)^```/ms.exec(text) ?? [];
  withTemporaryDirectory((folder) => {
    cpSync(join(directory, 'base'), join(folder, 'base'), { recursive: true });
    mkdirSync(join(folder, 'own'));
    writeFileSync(join(folder, 'own/kustomization.yaml'), overlay);
    const { volumes = [] } = podOf(buildFolder(join(folder, 'own')));
    assert.equal(
      volumes.map(({ name, hostPath }) => [name, hostPath?.path]),
      [['cni-bin', '/var/lib/rancher/k3s/data/cni']],
    );
  });
});

withKustomize('Kubernetes knows every field, and misses none; and would notice', async () => {
  const daemonSets = overlays.map(build);
  assert.equal(await apiProblems(daemonSets), []);
  const { selector: _, ...spec } = build('base').spec ?? {};
  const spoilt = [
    { ...build('base'), spec },
    { ...build('base'), replicas: 2 },
  ];
  const problems = (await apiProblems(spoilt)).join('\n');
  assert.match(problems, 'must have required property selector');
  assert.match(problems, '"replicas"');
});

withKustomize('the image is that of this version', () => {
  for (const container of overlays.map(build).flatMap(containersOf)) {
    assert.is(container.image, `dra-sriov-cni:${version}`);
  }
});

withKustomize('no more privileges than it takes to write into one directory', () => {
  for (const overlay of overlays) {
    const daemonSet = build(overlay);
    const pod = podOf(daemonSet);
    for (const { name, securityContext } of containersOf(daemonSet)) {
      const { runAsUser, runAsNonRoot, ...rest } = securityContext ?? {};
      assert.equal(
        rest,
        {
          privileged: false,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
        },
        `${overlay} ${name}`,
      );
      assert.is(runAsUser === 0, name === 'install', name);
      assert.is(runAsNonRoot, name === 'install' ? undefined : true);
    }
    assert.equal(pod.securityContext, { seccompProfile: { type: 'RuntimeDefault' } });
    assert.is(pod.automountServiceAccountToken, false);
    for (const key of ['hostNetwork', 'hostPID', 'hostIPC', 'serviceAccountName']) assert.not.ok(key in pod, key);
    const writable = containersOf(daemonSet)
      .flatMap(({ volumeMounts = [] }) => volumeMounts)
      .filter(({ readOnly }) => readOnly !== true)
      .map(({ name }) => pod.volumes?.find((volume) => volume.name === name)?.hostPath?.path);
    assert.equal(writable, ['/opt/cni/bin'], overlay);
  }
});

withKustomize('the commands are ones that the program knows, and do what the folder says', () => {
  const expected = {
    base: [['/host/opt/cni/bin/dra-sriov'], []],
    'as-sriov': [['/host/opt/cni/bin/sriov'], []],
    remove: [[], ['/host/opt/cni/bin/dra-sriov', '/host/opt/cni/bin/sriov']],
  } as const;
  for (const overlay of overlays) {
    const [init] = podOf(build(overlay)).initContainers ?? [];
    const mount = init?.volumeMounts?.find(({ name }) => name === 'cni-bin')?.mountPath;
    const [there, gone] = expected[overlay];
    const platform = createMemoryPlatform({
      argv: init?.args ?? [],
      files: Object.fromEntries([
        ['/opt/cni/bin/dra-sriov', 'x'],
        [`${mount}/bridge`, ''],
        ...gone.map((path) => [path, 'x']),
      ]),
      processes: ({ env }) => ({
        status: 0,
        signal: null,
        timedOut: false,
        stdout: env['CNI_COMMAND'] === undefined ? '' : `${formatVersions()}\n`,
        stderr: `CNI plugin dra-sriov v${version}\n`,
      }),
    });
    assert.is(runCli(platform, sourceParts), 0, overlay);
    const plugins = [...platform.files.keys()].filter((path) => path.startsWith('/host/'));
    assert.equal(plugins.sort(), [`${mount}/bridge`, ...there].sort(), overlay);
  }
});

/** An overlay with the component of metrics. */
function buildWithMetrics(overlay: Folder): IDaemonSet {
  return withTemporaryDirectory((temporary) => {
    cpSync(directory, join(temporary, 'deploy'), { recursive: true });
    const own = join(temporary, 'deploy/own');
    mkdirSync(own);
    const text = stringify({ resources: [`../${overlay}`], components: ['../metrics'] });
    writeFileSync(join(own, 'kustomization.yaml'), text);
    return buildFolder(own);
  });
}

withKustomize('with metrics the container that stays measures, and writes one directory more', async () => {
  for (const overlay of ['base', 'as-sriov'] as const) {
    const daemonSet = buildWithMetrics(overlay);
    assert.equal(await apiProblems([daemonSet]), []);
    const pod = podOf(daemonSet);
    const [stay] = pod.containers;
    assert.equal([pod.hostNetwork, pod.hostPID, stay?.securityContext?.privileged], [true, true, false]);
    assert.equal(stay?.securityContext?.capabilities, { drop: ['ALL'], add: ['SYS_ADMIN'] });
    const writable = (stay?.volumeMounts ?? []).filter(({ readOnly }) => readOnly !== true);
    assert.equal(
      writable.map(({ name }) => name),
      ['textfile'],
    );
    // The clock stops the second writing.
    const [path = ''] = stay?.args?.filter((arg) => arg.endsWith('.prom')) ?? [];
    const platform = createMemoryPlatform({
      argv: stay?.args ?? [],
      files: { '/host/textfile/x': '', '/sys/bus/pci/devices/0000:00:01.0/vendor': '0x8086\n' },
    });
    const stopped = {
      sleepMs: () => {
        throw new Error('a signal');
      },
    };
    assert.throws(() => runCli({ ...platform, ...stopped }, sourceParts), 'a signal');
    assert.match(platform.files.get(path) ?? '', '# EOF');
    assert.ok(path.startsWith(`${writable[0]?.mountPath}/`));
  }
});

test('the dashboard asks for metrics that there are, by labels that they have', () => {
  const platform = new MemoryNode();
  platform.succeed('ADD', { ...platform.conf(), ipam: { type: 'host-local', subnet: '10.0.2.0/24' } });
  Object.assign(platform.vfs[0] ?? {}, { counters: [1, 2, 3, 4, 5, 6, 0, 7, 8] });
  platform.link(1).counters = [1, 2, 3, 4, 5, 6, 7, 8];
  platform.fail('ADD', platform.conf({ vlan: 5000 }), { ifname: 'net2' });
  const { stdout } = operate(platform.platform, 'metrics');
  const known = new Set(stdout.match(/^# HELP \S+/gm)?.map((line) => line.slice('# HELP '.length)));
  // The netdev's errors are told only if the PF counts nothing.
  for (const name of ['sriov_vf_rx_errors', 'sriov_vf_tx_errors']) known.add(name);
  const dashboard = readFileSync(join(directory, 'grafana-dashboard.json'), 'utf8');
  const asked = [...new Set(dashboard.match(/\b(dra_)?sriov_\w+/g))];
  assert.ok(asked.length > 12, asked.join(' '));
  for (const name of asked) assert.ok(known.has(name), `${name} is no metric; there are: ${[...known].join(' ')}`);
  const { panels } = JSON.parse(dashboard) as { panels: readonly { id: number; targets: readonly unknown[] }[] };
  assert.is(new Set(panels.map(({ id }) => id)).size, panels.length);
});

const dashboardReader = peer('dashboard', 'openmetrics');
const readable = 'Grafana’s own types take the dashboard, and Prometheus’ parser its queries';

if (dashboardReader === null) test.skip(readable, 'needs Go, to build the readers', { allowedInCi: !hasGo() });
else {
  test(readable, () => {
    const dashboard = readFileSync(join(directory, 'grafana-dashboard.json'), 'utf8');
    const read = (input: string) => spawnSync(dashboardReader, { input, encoding: 'utf8' });
    const { status, stdout, stderr } = read(dashboard);
    assert.equal([status, stderr], [0, '']);
    assert.ok(new Set(stdout.split('\n')).has('dra_sriov_errors_last_hour'), stdout);
    const odd: readonly (readonly [string, string])[] = [
      ['"showLegend": true,', '"showLegend": 1,'],
      ['"schemaVersion": 39', '"schemaversion": 39'],
      ['sum by (state) (', 'sum by (state) (('],
      ['label_values(dra_sriov_build_info, instance)",', 'label_values(dra_sriov_build_info)",'],
    ];
    for (const [right, wrong] of odd) {
      assert.ok(dashboard.includes(right), right);
      assert.is(read(dashboard.replaceAll(right, wrong)).status, 1, wrong);
    }
  });
}

withKustomize('it tolerates every taint, and asks for Linux on the CPU of the image', () => {
  const pod = podOf(build('base'));
  assert.equal(pod.tolerations, [{ operator: 'Exists' }]);
  const [term] = pod.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  const keys = term?.matchExpressions?.map(({ key }) => key);
  assert.equal(keys, ['kubernetes.io/os', 'kubernetes.io/arch']);
});

test('removing waits for the last VF: the state that tells of it is where the program looks', () => {
  const { patches } = parse(readFileSync(join(directory, 'remove/kustomization.yaml'), 'utf8'));
  const mounts = JSON.stringify(parse(patches[0].patch));
  assert.match(mounts, '"mountPath":"/var/lib/cni","readOnly":true');
  assert.ok(createMemoryPlatform({}).paths.stateDir.startsWith('/var/lib/cni/'));
});

test('the README names every folder', () => {
  const text = readFileSync(join(directory, 'README.md'), 'utf8');
  for (const overlay of overlays) assert.ok(text.includes(`](${overlay}/`), overlay);
  for (const [, target] of text.matchAll(/\]\(([^):]+)\)/g))
    assert.ok(existsSync(join(directory, target?.split('#')[0] ?? '')), target);
  assert.ok(text.includes(`dra-sriov-cni:${version}`));
});
