import { CniError, explain, isBug } from '../cni/errors.ts';
import { parseConf } from '../config/parse.ts';
import { getLink } from '../kernel/rtnl/links.ts';
import { converge } from '../lib/converge.ts';
import type { CommandContext } from './context.ts';
import { askIpam } from './ipam.ts';

/** STATUS (SPEC.md): succeeds if an ADD could be served. Throws CniError notAvailable (50), listing what is missing. */
export function status(context: CommandContext): string {
  const { host } = context;
  const conf = parseConf(context.request);
  const missing = converge([
    ['sysfs shows no PCI devices', () => requirePciDevices(context)],
    ['the state directory can’t be used', () => tryStateDir(context)],
    ['rtnetlink doesn’t answer', () => void getLink(host.session, { ifindex: 1 })],
  ]);
  const bug = missing.find(({ cause }) => isBug(cause));
  if (bug !== undefined) throw bug.cause;
  if (missing.length > 0) throw new CniError('notAvailable', missing.map(explain).join('; '));
  if (conf.ipam !== null) requireIpam(context, conf.ipam);
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

function requireIpam(context: CommandContext, ipam: { readonly type: string }): void {
  try {
    askIpam(context, 'STATUS', ipam);
  } catch (thrown) {
    if (isBug(thrown)) throw thrown;
    if (thrown instanceof Error && 'code' in thrown && (thrown.code === 50 || thrown.code === 51)) throw thrown;
    throw new CniError('notAvailable', explain(thrown));
  }
}
