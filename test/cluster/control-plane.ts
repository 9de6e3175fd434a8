// etcd, kube-apiserver, kube-scheduler and kube-controller-manager, in the network namespace of the cluster.
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { runChild } from '../lab/child.ts';
import { type CommandResult, expectSuccess } from '../lab/command.ts';
import { LabError } from '../lab/lab-error.ts';
import { HostProcess } from './host-process.ts';
import { type ClusterNetwork, controlPlaneAddress } from './network.ts';

const readyTimeoutMs = 180_000;
const pollMs = 1000;
const serverUrl = `https://${controlPlaneAddress}:6443`;
const proxyPort = 8001;
const etcdUrl = 'http://127.0.0.1:2379';

/** Who may speak to the API server: user and group, as in RBAC. */
const users = {
  admin: ['kubernetes-admin', 'system:masters'],
  controllers: ['system:kube-controller-manager', 'system:masters'],
  scheduler: ['system:kube-scheduler', 'system:masters'],
  node: ['system:node:node1', 'system:nodes'],
} as const;

export type ApiUser = keyof typeof users;

/** A condition of an object's status. */
export interface Condition {
  readonly type: string;
  readonly status: string;
  readonly lastTransitionTime: string;
}

export const isTrue = (conditions: readonly Condition[] | undefined, wanted: string): boolean =>
  conditions?.some(({ type, status }) => type === wanted && status === 'True') === true;

export interface KubectlOptions {
  readonly stdin?: string;
  readonly timeoutMs?: number;
}

/** The kubeconfig of who comes through the proxy. */
export const proxyKubeconfig = kubeconfig({ server: `http://${controlPlaneAddress}:${proxyPort}` }, {});

function kubeconfig(cluster: Readonly<Record<string, string>>, user: Readonly<Record<string, string>>): string {
  return JSON.stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'cluster', cluster }],
    users: [{ name: 'user', user }],
    contexts: [{ name: 'cluster', context: { cluster: 'cluster', user: 'user' } }],
    'current-context': 'cluster',
  });
}

export class ControlPlane {
  readonly network: ClusterNetwork;
  /** Folder of the programs. */
  readonly programs: string;
  readonly #folder: string;
  readonly #tokens = new Map<ApiUser, string>();
  readonly #processes: HostProcess[] = [];

  constructor(folder: string, programs: string, network: ClusterNetwork) {
    this.#folder = folder;
    this.programs = programs;
    this.network = network;
  }

  /** Path of the administrator's kubeconfig. */
  get kubeconfig(): string {
    return this.kubeconfigOf('admin');
  }

  kubeconfigOf(user: ApiUser): string {
    return join(this.#folder, `${user}.kubeconfig`);
  }

  /** Starts all of it, and waits until the API server is ready. */
  async start(): Promise<void> {
    mkdirSync(join(this.#folder, 'pki'), { recursive: true });
    this.#writeSecrets();
    this.#run('etcd', {
      'data-dir': join(this.#folder, 'etcd'),
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-peer-urls': 'http://127.0.0.1:2380',
      'initial-advertise-peer-urls': 'http://127.0.0.1:2380',
      'initial-cluster': 'default=http://127.0.0.1:2380',
      // Nobody keeps this cluster over a crash of this machine.
      'unsafe-no-fsync': 'true',
      'log-level': 'warn',
    });
    this.#run('kube-apiserver', {
      'etcd-servers': etcdUrl,
      'bind-address': controlPlaneAddress,
      'advertise-address': controlPlaneAddress,
      'secure-port': '6443',
      'cert-dir': this.#pki(''),
      'service-cluster-ip-range': '10.96.0.0/16',
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-key-file': this.#pki('service-accounts.pub'),
      'service-account-signing-key-file': this.#pki('service-accounts.key'),
      'token-auth-file': this.#pki('tokens.csv'),
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      // The node's name is in no DNS.
      'kubelet-preferred-address-types': 'InternalIP',
    });
    await this.#writeKubeconfigs();
    this.#run('kube-scheduler', { kubeconfig: this.kubeconfigOf('scheduler'), 'leader-elect': 'false' });
    this.#run('kube-controller-manager', {
      kubeconfig: this.kubeconfigOf('controllers'),
      'leader-elect': 'false',
      'root-ca-file': this.#pki('apiserver.crt'),
      'service-account-private-key-file': this.#pki('service-accounts.key'),
    });
    await this.until(
      'the API server is ready',
      async () => (await this.kubectl(['get', '--raw', '/readyz'])).status === 0,
    );
    this.#startProxies();
    await this.until('the proxy is ready', () => Promise.resolve(existsSync(this.#ownProxy)));
  }

  /**
   * Multus gives each request to the API server 250 ms, and all tries 2.5 s, which is not enough for TLS under an
   * emulated CPU. The other proxy is for `read`.
   */
  #startProxies(): void {
    const proxy = [join(this.programs, 'kubectl'), `--kubeconfig=${this.kubeconfig}`, 'proxy'];
    const address = [`--address=${controlPlaneAddress}`, `--port=${proxyPort}`, '--accept-hosts=.*'];
    this.run('proxy', [...proxy, ...address]);
    this.run('own-proxy', [...proxy, `--unix-socket=${this.#ownProxy}`]);
  }

  async stop(): Promise<void> {
    for (const each of this.#processes.toReversed()) await each.stop();
  }

  /** Runs kubectl as the administrator. */
  kubectl(args: readonly string[], options: KubectlOptions = {}): Promise<CommandResult> {
    const { timeoutMs = 60_000, stdin } = options;
    const argv = [join(this.programs, 'kubectl'), '--kubeconfig', this.kubeconfig, ...args];
    return runChild(['nsenter', `--net=${this.network.netns}`, '--', ...argv], { timeoutMs, stdin });
  }

  /** kubectl that has to succeed. Returns its standard output. */
  async must(args: readonly string[], options?: KubectlOptions): Promise<string> {
    return expectSuccess(await this.kubectl(args, options), `kubectl ${args.join(' ')}`).stdout;
  }

  /**
   * What the API server has at a path, such as `/api/v1/nodes/node1`. kubectl would take half a second of a CPU each
   * time, which the node needs too.
   */
  async read<T>(path: string): Promise<T> {
    const [response] = (await once(get({ socketPath: this.#ownProxy, path }), 'response')) as [IncomingMessage];
    const answer = await json(response);
    if (response.statusCode !== 200) throw new LabError('refused', `GET ${path}: ${JSON.stringify(answer)}`);
    return answer as T;
  }

  /** The objects of a list that the API server has at a path. */
  async list<T>(path: string): Promise<readonly T[]> {
    return (await this.read<{ readonly items: readonly T[] }>(path)).items;
  }

  async apply(objects: readonly object[]): Promise<void> {
    const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
    await this.must(['apply', '-f', '-'], { stdin: list });
  }

  /** Starts another program beside them. */
  run(name: string, argv: readonly string[]): void {
    const log = join(this.#folder, `${name}.log`);
    this.#processes.push(new HostProcess(name, this.network.netns, argv, log));
  }

  #run(name: string, flags: Readonly<Record<string, string>>): void {
    const words = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    this.run(name, [join(this.programs, name), ...words]);
  }

  get #ownProxy(): string {
    return join(this.#folder, 'api.sock');
  }

  #pki(name: string): string {
    return join(this.#folder, 'pki', name);
  }

  #writeSecrets(): void {
    const lines = Object.entries(users).map(([user, [name, group]]) => {
      const token = randomBytes(16).toString('hex');
      this.#tokens.set(user as ApiUser, token);
      return `${token},${name},${name},${group}\n`;
    });
    writeFileSync(this.#pki('tokens.csv'), lines.join(''), { mode: 0o600 });
    const { privateKey, publicKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    });
    writeFileSync(this.#pki('service-accounts.key'), privateKey, { mode: 0o600 });
    writeFileSync(this.#pki('service-accounts.pub'), publicKey);
  }

  /** The API server makes its own certificate, and one of an authority for it behind. */
  async #writeKubeconfigs(): Promise<void> {
    let authority = Buffer.alloc(0);
    await this.until('the API server has a certificate', () => {
      try {
        authority = readFileSync(this.#pki('apiserver.crt'));
      } catch {
        return Promise.resolve(false);
      }
      return Promise.resolve(authority.includes('END CERTIFICATE'));
    });
    const cluster = { server: serverUrl, 'certificate-authority-data': authority.toString('base64') };
    for (const [user, token] of this.#tokens) {
      writeFileSync(this.kubeconfigOf(user), kubeconfig(cluster, { token }), { mode: 0o600 });
    }
  }

  /** Waits until something holds. Throws when it takes too long, or one of the programs has ended. */
  async until(what: string, holds: () => Promise<boolean>, timeoutMs = readyTimeoutMs): Promise<void> {
    const end = performance.now() + timeoutMs;
    while (!(await holds())) {
      const failure = this.#processes.map((each) => each.failure).find((each) => each !== undefined);
      if (failure !== undefined) throw new LabError('boot', failure);
      if (performance.now() > end) throw new LabError('timeout', `${what}: not so after ${timeoutMs / 1000} s`);
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  }
}
