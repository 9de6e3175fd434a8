import { CniError, explain } from '../cni/errors.ts';
import { parseConf } from '../config/parse.ts';
import { isNotImplemented, startIpam } from '../ipam/plugin.ts';
import { getLink } from '../kernel/rtnl/links.ts';
import { converge } from '../lib/converge.ts';
import type { CommandContext } from './context.ts';

/** STATUS (SPEC.md): whether an ADD could be served now. Throws CniError notAvailable (50), listing what is missing. */
export function status(context: CommandContext): string {
  const { platform, host } = context;
  const conf = parseConf(context.request);
  const missing = converge([
    ['sysfs shows no PCI devices', () => requirePciDevices(context)],
    ['the state directory can’t be used', () => tryStateDir(context)],
    ['rtnetlink doesn’t answer', () => void getLink(host.session, { ifindex: 1 })],
    ['the own network namespace can’t be opened', () => void platform.ownNetns()],
  ]);
  if (missing.length > 0) throw new CniError('notAvailable', missing.map(explain).join('; '));
  if (conf.ipam !== null) askIpam(context, conf.ipam.type);
  return '';
}

function requirePciDevices(context: CommandContext): void {
  const path = `${context.platform.paths.sysfs}/bus/pci/devices`;
  if (context.platform.readDir(path) === null) throw new Error(`${path} doesn't exist`);
}

function tryStateDir(context: CommandContext): void {
  const { platform, state } = context;
  const probe = `${state.make()}/.status`;
  platform.writeFileAtomic(probe, '', { mode: 0o600, durable: false });
  platform.unlink(probe);
}

/** Older IPAM plugins (host-local) know no STATUS: that they can be run is all that can be said. */
function askIpam(context: CommandContext, type: string): void {
  try {
    startIpam(context, { command: 'STATUS', type }).finish();
  } catch (thrown) {
    if (isNotImplemented(thrown)) return;
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 50 || thrown.code === 51)) throw thrown;
    throw new CniError('notAvailable', explain(thrown));
  }
}
