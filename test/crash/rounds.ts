// Runs in the lab's guest: node rounds.ts JSON (RoundsRun) lets many pods attach and detach VFs at the same time, again
// and again, with GC beside them, and throws where something fails, is given twice, or is not as before in the end.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { text } from 'node:stream/consumers';
import { cniVariables } from '../support/cni-node.ts';
import { expectPicture } from './kill.ts';
import { Site, type SiteOptions } from './site.ts';

export interface RoundsRun {
  readonly site: SiteOptions;
  /** Its IPAM has an address for each VF. */
  readonly conf: Readonly<Record<string, unknown>>;
  readonly vfs: readonly string[];
  /** Paths of the pods' namespaces, one for each VF. */
  readonly pods: readonly string[];
  readonly rounds: number;
}

interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
  readonly netns: string;
}

class Crowd {
  readonly #run: RoundsRun;
  readonly #addresses = new Set<string>();
  #isBusy = true;
  #collections = 0;

  constructor(run: RoundsRun) {
    this.#run = run;
  }

  async play(): Promise<number> {
    const attaching = Promise.all(this.#run.vfs.map((vf, at) => this.#attachAgainAndAgain(vf, at)));
    const collecting = this.#collect();
    try {
      await attaching;
    } finally {
      this.#isBusy = false;
    }
    await collecting;
    return this.#collections;
  }

  /** The VF goes from pod to pod. A pod may have several VFs, so each VF has an interface name of its own. */
  async #attachAgainAndAgain(vf: string, at: number): Promise<void> {
    for (let round = 0; round < this.#run.rounds; round++) {
      const attachment = this.#attachmentOf(at, (at + round) % this.#run.pods.length);
      const conf = { ...this.#run.conf, deviceID: vf };
      const prevResult = JSON.parse(await this.#cni('ADD', conf, attachment)) as {
        readonly ips: readonly { readonly address: string }[];
      };
      const address = prevResult.ips[0]?.address ?? 'none';
      if (this.#addresses.has(address)) throw new Error(`${address} is somebody else's`);
      this.#addresses.add(address);
      await this.#cni('CHECK', { ...conf, prevResult }, attachment);
      this.#addresses.delete(address);
      await this.#cni('DEL', { ...conf, prevResult }, attachment);
    }
  }

  #attachmentOf(vf: number, pod: number): Attachment {
    return { containerId: `c${pod}`, ifname: `net${vf}`, netns: this.#run.pods[pod] ?? '' };
  }

  /** GC that may reclaim none of the pods' attachments, whatever is under way. */
  async #collect(): Promise<void> {
    const { vfs, pods, conf } = this.#run;
    const valid = vfs.flatMap((_, vf) => pods.map((__, pod) => this.#attachmentOf(vf, pod)));
    const list = valid.map(({ containerId, ifname }) => ({ containerID: containerId, ifname }));
    const stdin = { ...conf, cniVersion: '1.1.0', 'cni.dev/valid-attachments': list };
    for (; this.#isBusy; this.#collections++) await this.#cni('GC', stdin, this.#attachmentOf(0, 0));
  }

  async #cni(command: string, conf: unknown, { containerId, ifname, netns }: Attachment): Promise<string> {
    const { executable, environment, pluginDirs } = this.#run.site;
    const variables = cniVariables(command, { containerId, ifname, netns }, pluginDirs);
    const child = spawn(executable, { env: { ...environment, ...variables } });
    child.stdin.end(JSON.stringify(conf));
    const [stdout, stderr, [status]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    if (status === 0) return stdout;
    throw new Error(`${command} of ${containerId} ${ifname} ended with ${status}: ${stdout}\n${stderr}`);
  }
}

async function playRounds(run: RoundsRun): Promise<void> {
  const site = new Site(run.site);
  // The first attachment of a node makes folders.
  site.succeed('ADD', 0);
  site.succeed('DEL', 0);
  const before = site.picture();
  const collections = await new Crowd(run).play();
  site.collect();
  expectPicture(site, before, `after ${run.rounds} rounds`);
  process.stdout.write(`${run.vfs.length * run.rounds} attachments, and GC ${collections} times\n`);
}

await playRounds(JSON.parse(process.argv[2] ?? '') as RoundsRun);
