import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { peerDir } from '../support/peers.ts';
import type { StandInNode } from '../support/stand-in-node.ts';

/** An IPAM plugin as a shell script, first in the CNI_PATH of the calls that are given its `env`. */
export class FakeIpam {
  readonly type = 'fake-ipam';
  readonly #directory: string;
  readonly #calls: string;

  /** `answers` has a shell script for each verb. A verb without one succeeds and prints nothing. */
  constructor(node: StandInNode, answers: Readonly<Record<string, string>>) {
    this.#directory = join(node.directory, 'plugins');
    this.#calls = join(node.directory, 'ipam-calls');
    mkdirSync(this.#directory, { recursive: true });
    const cases = Object.entries(answers).map(([verb, script]) => `${verb})\n${script}\n;;`);
    const script = [
      '#!/bin/sh',
      `echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME $CNI_NETNS" >> '${this.#calls}'`,
      `cat > '${join(node.directory, 'ipam-stdin')}'`,
      'case $CNI_COMMAND in',
      ...cases,
      'esac',
    ];
    const path = join(this.#directory, this.type);
    writeFileSync(path, `${script.join('\n')}\n`);
    chmodSync(path, 0o755);
  }

  /** Arguments with which a call finds the plugin. */
  get env(): Record<string, string> {
    return { CNI_PATH: `${this.#directory}:${peerDir()}` };
  }

  /** `VERB containerID ifname netns` of each call so far. */
  get calls(): string[] {
    return existsSync(this.#calls) ? readFileSync(this.#calls, 'utf8').trimEnd().split('\n') : [];
  }

  /** The verbs of `calls`. */
  get verbs(): (string | undefined)[] {
    return this.calls.map((call) => call.split(' ')[0]);
  }
}

/** The shell script that prints this JSON and succeeds. */
export function printing(json: unknown): string {
  return `cat <<'JSON'\n${JSON.stringify(json)}\nJSON`;
}

/** The shell script of a plugin that fails as CNI demands. */
export function failing(code: number, msg: string, details?: string): string {
  return `${printing({ cniVersion: '1.0.0', code, msg, ...(details === undefined ? {} : { details }) })}\nexit 1`;
}
