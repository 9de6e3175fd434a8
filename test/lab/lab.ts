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
  /** Path of the recording, in pcap format, on the machine that runs the tests. The lab's end removes it. */
  readonly file: string;
  /** Ends the recording. Returns what was seen. */
  stop(): Promise<readonly Frame[]>;
}

/** The node on which SR-IOV is tested: an emulated one, or this machine with real hardware. */
export interface Lab extends CommandRunner {
  readonly kind: 'emulated' | 'hardware';
  /** In the emulated lab two, on one wire; on hardware the named one. */
  readonly pfs: readonly PhysicalFunction[];
  /** A folder that commands see under `guest` and the tests under `host`; it outlives a reboot. */
  readonly share: { readonly host: string; readonly guest: string };
  /** Gives the PF `count` VFs in place of those that it has, after it is up with carrier. */
  createVfs(pf: string, count: number): Promise<readonly VirtualFunction[]>;
  /** Starts recording what the PF and its VFs send onto the wire and get from it. */
  capture(pf: string): Promise<Capture>;
  /** Restarts the node without a warning: nothing survives but the share. Throws on hardware. */
  reboot(): Promise<void>;
  /** Ends the lab and leaves nothing behind. */
  shutdown(): Promise<void>;
}
