// How a command reaches the cluster that another command of this checkout has.
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { LabError } from '../lab/lab-error.ts';
import { onProcessEnd } from '../lab/process-end.ts';
import { checkout, digest } from '../lab/setup/cache-folder.ts';
import type { Cluster } from './cluster.ts';

const socketPath = `/run/dra-sriov-cluster-${digest(checkout)}.sock`;
const timeoutMs = 3_600_000;

export interface ClusterRequest {
  readonly kind: 'kubectl' | 'on-node';
  readonly argv: readonly string[];
  readonly stdin: string;
}

interface ClusterReply {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function perform(cluster: Cluster, { kind, argv, stdin }: ClusterRequest): Promise<ClusterReply> {
  const options = { stdin, timeoutMs };
  const run = kind === 'kubectl' ? cluster.controlPlane.kubectl(argv, options) : cluster.worker.run(argv, options);
  const { status, stdout, stderr } = await run;
  return { status, stdout, stderr };
}

/** Null if nobody listens there. */
async function connectTo(path: string): Promise<Socket | null> {
  const socket = connect(path);
  return new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', () => resolve(null));
  });
}

/** Throws LabError refused where a cluster of this checkout runs already. */
export async function refuseSecondCluster(): Promise<void> {
  const other = await connectTo(socketPath);
  if (other === null) return;
  other.destroy();
  throw new LabError('refused', 'a cluster of this checkout runs already; `npm run cluster -- kubectl` asks it');
}

/** Lets other commands use a cluster, until the server is closed. A request is a line of JSON, and so is the reply. */
export async function serveCluster(cluster: Cluster): Promise<Server> {
  const server = createServer(async (socket) => {
    // A client that goes away early does not matter.
    socket.on('error', () => undefined);
    try {
      const [line] = (await once(createInterface({ input: socket }), 'line')) as [string];
      const reply = await perform(cluster, JSON.parse(line) as ClusterRequest);
      socket.end(JSON.stringify(reply));
    } catch (thrown) {
      socket.end(JSON.stringify({ status: 1, stdout: '', stderr: `cluster: ${String(thrown)}\n` }));
    }
  });
  rmSync(socketPath, { force: true });
  onProcessEnd(() => rmSync(socketPath, { force: true }));
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(socketPath, resolve));
  return server;
}

export async function askCluster(request: ClusterRequest): Promise<ClusterReply> {
  const socket = await connectTo(socketPath);
  if (socket === null) throw new LabError('guest', 'no cluster runs; `npm run cluster -- shell` starts one');
  socket.write(`${JSON.stringify(request)}\n`);
  return JSON.parse(await text(socket)) as ClusterReply;
}
