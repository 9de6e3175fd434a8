import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { CniCall } from '../../support/cni-node.ts';
import type { FaultKind } from '../../support/faults.ts';
import type { StandInNode } from '../../support/stand-in-node.ts';

/** A config in which ADD has every kind of step. */
export function fullConf(node: StandInNode): Record<string, unknown> {
  const settings = { vlan: 100, vlanQoS: 5, spoofchk: 'off', trust: 'on', mac: '02:00:00:00:00:01', mtu: 1400 };
  const ipam = node.ipam('10.0.2.0/24', { routes: [{ dst: '10.9.0.0/16' }] });
  return node.conf({ deviceID: node.vfPcis[0], ...settings, ipam });
}

/** A VF that has something to lose: up, and with an altname that is in the way. */
export function dressVf(node: StandInNode): void {
  node.host.addAltnames('vf0', 'net1');
  node.host.run('ip', 'link', 'set', 'vf0', 'up');
}

export interface FaultyRun {
  readonly status: number | null;
  readonly stdout: string;
  /** `number what` of every call that changes something, up to the end. */
  readonly calls: readonly string[];
}

/** Runs a verb with a fault at its changing call number `at`. */
export function runWithFault(
  node: StandInNode,
  command: string,
  kind: FaultKind,
  at: number,
  call: CniCall = {},
): FaultyRun {
  const log = join(node.directory, 'fault.log');
  rmSync(log, { force: true });
  const env = { FAULT_KIND: kind, FAULT_AT: String(at), FAULT_LOG: log };
  const { status, stdout } = node.cni(command, fullConf(node), { ...call, env });
  const calls = existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : [];
  return { status, stdout, calls };
}
