import { explain } from '../../cni/errors.ts';
import { printable } from '../../lib/quote.ts';
import { isSystemError } from '../../lib/system-error.ts';
import type { Platform } from '../../platform/platform.ts';
import { requireTrustedPath } from '../../state/trusted-files.ts';
import { readView } from '../node/view.ts';
import { commandName } from '../tool.ts';
import { type Check, type Examined, note, ok, warning, wrong } from './check.ts';

/** Kernels from this one on tell the PCI address of a netdev (IFLA_PARENT_DEV_NAME). */
const parentDeviceSince = [5, 14] as const;

/** linux/capability.h */
const capabilities: Readonly<Record<string, bigint>> = {
  CAP_DAC_OVERRIDE: 1n,
  CAP_NET_ADMIN: 12n,
  CAP_NET_RAW: 13n,
  CAP_SYS_PTRACE: 19n,
  CAP_SYS_ADMIN: 21n,
};

/** Null if it can't be read. */
function readLine(platform: Platform, path: string): string | null {
  try {
    return platform.readFile(path)?.toString('utf8').trim() ?? null;
  } catch (thrown) {
    if (isSystemError(thrown)) return null;
    throw thrown;
  }
}

function checkKernel({ platform }: Examined): Check {
  const release = readLine(platform, `${platform.paths.procfs}/sys/kernel/osrelease`);
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release ?? '') ?? [];
  if (release === null || major === undefined) return note('kernel', 'its release can’t be read');
  const [wantedMajor, wantedMinor] = parentDeviceSince;
  const isOld = Number(major) < wantedMajor || (Number(major) === wantedMajor && Number(minor) < wantedMinor);
  if (!isOld) return ok('kernel', `Linux ${printable(release)}`);
  const found = `Linux ${printable(release)}: before 5.14 VFs in pods are told apart by their driver alone`;
  return warning('kernel', found, 'where CHECK or DEL don’t find a VF, use Linux 5.14 or later');
}

function checkCapabilities({ platform }: Examined): Check {
  const status = readLine(platform, `${platform.paths.procfs}/self/status`) ?? '';
  const text = /^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1];
  if (text === undefined) return note('capabilities', 'they can’t be read');
  const effective = BigInt(`0x${text}`);
  const missing = Object.entries(capabilities).filter(([, bit]) => ((effective >> bit) & 1n) === 0n);
  if (missing.length === 0) return ok('capabilities', 'all that the plugin needs, in this process');
  const names = missing.map(([name]) => name).join(', ');
  return wrong(
    'capabilities',
    `this process lacks ${names}: what follows may be incomplete`,
    'run it as root, outside of containers',
  );
}

function checkNamespace({ platform }: Examined): Check {
  const { network } = readView(platform);
  if (network === 'unknown') return note('namespace', 'that of process 1 can’t be read: is this the host’s?');
  if (network === 'process 1') return ok('namespace', 'this is the host’s network namespace');
  return wrong(
    'namespace',
    'this is not the network namespace of process 1',
    `run it on the host: nsenter -t 1 -n ${commandName(platform)} doctor`,
  );
}

function checkState({ platform }: Examined): Check {
  const { stateDir } = platform.paths;
  try {
    requireTrustedPath(platform, stateDir, 'the state directory');
    return ok('state', platform.stat(stateDir) === null ? `${stateDir} is made at the first ADD` : stateDir);
  } catch (thrown) {
    return wrong('state', explain(thrown), `chown -R root:root ${stateDir} && chmod -R go-w ${stateDir}`);
  }
}

/** Checks of what every attachment needs of the node. */
export const nodeChecks: readonly ((examined: Examined) => Check)[] = [
  checkKernel,
  checkCapabilities,
  checkNamespace,
  checkState,
];
