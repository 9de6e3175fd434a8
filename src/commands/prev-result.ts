import type { CniRequest } from '../cni/request.ts';
import type { CniResult } from '../cni/result.ts';
import { parseResult } from '../cni/result-versions.ts';

/** `prevResult` of the config; null where it has none. Throws CniError decode. */
export function readPrevResult(request: CniRequest): CniResult | null {
  const json = request.config['prevResult'];
  return json === undefined || json === null ? null : parseResult(json, request.cniVersion, 'prevResult');
}

/** The result to begin with where there is none before us: no more than the config's own `dns`. */
export function emptyResult(request: CniRequest): CniResult {
  const { dns } = parseResult({ dns: request.config['dns'] ?? {} }, request.cniVersion, 'network config');
  return { interfaces: [], ips: [], routes: [], dns };
}
