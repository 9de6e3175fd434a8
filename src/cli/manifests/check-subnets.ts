import { isSystemError } from '../../lib/system-error.ts';
import { error, warning } from '../finding.ts';
import { type HostLocal, readHostLocal } from '../host-local.ts';
import type { Located, Selected } from './cross-check.ts';
import type { Network } from './networks.ts';
import { titleOf, type Workload } from './objects.ts';

/** A workload and the attachments of each of its pods. */
interface Demand {
  readonly pod: Workload;
  readonly selected: readonly Selected[];
}

/** Whether each network's subnet has an address for every attachment of every pod. host-local counts for each node by itself. */
export function checkSubnets(demands: readonly Demand[]): readonly Located[] {
  const networks = new Set(demands.flatMap(({ selected }) => selected.flatMap(({ network }) => network ?? [])));
  return [...networks].flatMap((network) => checkNetwork(network, demands));
}

function readIpam(network: Network): HostLocal | string | null {
  try {
    return readHostLocal(network.plugin?.['ipam']);
  } catch (thrown) {
    if (isSystemError(thrown)) return thrown.message;
    throw thrown;
  }
}

function checkNetwork(network: Network, demands: readonly Demand[]): readonly Located[] {
  const path = `${titleOf(network)}: spec.config: ipam`;
  const ipam = readIpam(network);
  if (ipam === null) return [];
  if (typeof ipam === 'string') return [{ file: network.file, finding: error(path, ipam) }];
  const uses = demands.flatMap(({ pod, selected }) => {
    const perPod = selected.filter((one) => one.network === network).length;
    return perPod === 0 || pod.replicas === null ? [] : [{ pod, perPod, replicas: pod.replicas }];
  });
  const needed = uses.reduce((total, { perPod, replicas }) => total + perPod * replicas, 0);
  return ipam.sets.flatMap(({ subnets, capacity }) => {
    if (BigInt(needed) <= capacity) return [];
    const sums = uses.map(({ pod, perPod, replicas }) => `${titleOf(pod)}: ${replicas} x ${perPod}`).join(', ');
    const message = `${subnets.join(', ')} has ${capacity} ${capacity === 1n ? 'address' : 'addresses'} to give, ${needed} are needed (${sums})`;
    const most = Math.max(...uses.map(({ perPod }) => perPod));
    const mayDo = BigInt(most) <= capacity && uses.some(({ pod }) => pod.isSpread);
    const finding = mayDo ? warning(path, `${message} where all of them are on one node`) : error(path, message);
    return [{ file: network.file, finding }];
  });
}
