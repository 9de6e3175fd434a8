import type { Frame } from './capture-file.ts';
import type { CommandRunner } from './command.ts';

export interface PhysicalFunction {
  readonly name: string;
  readonly pciAddress: string;
}

export interface VirtualFunction {
  readonly pf: string;
  /** N of `ip link set PF vf N`. */
  readonly index: number;
  readonly pciAddress: string;
  readonly netdev: string;
  readonly mac: string;
}

export interface Capture {
  /** Where it is recorded, in pcap format, on the machine that runs the tests; it goes with the lab. */
  readonly file: string;
  /** Ends it. Returns what was seen. */
  stop(): Promise<readonly Frame[]>;
}

/** Where SR-IOV is tested: an emulated node, or this machine with real hardware. */
export interface Lab extends CommandRunner {
  readonly kind: 'emulated' | 'hardware';
  /** Two, on one wire, in the emulated lab; the named one on hardware. */
  readonly pfs: readonly PhysicalFunction[];
  /** A folder that commands see under `guest` and the tests under `host`; it outlives a reboot. */
  readonly share: { readonly host: string; readonly guest: string };
  /** Creates `count` VFs (all others of this PF go), with the PF up and its carrier seen first. 0 removes all. */
  createVfs(pf: string, count: number): Promise<readonly VirtualFunction[]>;
  /** Starts recording what the PF and its VFs send onto the wire and get from it. */
  capture(pf: string): Promise<Capture>;
  /** Restarts the node without a warning: nothing survives but the share. Throws on hardware. */
  reboot(): Promise<void>;
  /** Ends the lab and leaves nothing behind. */
  shutdown(): Promise<void>;
}
