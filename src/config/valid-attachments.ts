import { identifierForm, isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import { isJsonObject, type Json } from '../lib/json.ts';
import { show } from '../lib/quote.ts';

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

const newKey = 'cni.dev/valid-attachments';
/** Of the drafts of CNI 1.1; libcni still sends it beside the new one. */
const oldKey = 'cni.dev/attachments';

function refuse(path: string, value: unknown, allowed: string): CniError {
  return new CniError(
    'invalidConfig',
    `invalid network config: ${path}: ${show(value)} is not allowed; allowed: ${allowed}`,
  );
}

function readAttachment(value: unknown, path: string): ValidAttachment {
  if (!isJsonObject(value)) throw refuse(path, value, 'an object with containerID and ifname');
  const { containerID: containerId, ifname } = value;
  if (typeof containerId !== 'string' || !isIdentifier(containerId)) {
    throw refuse(`${path}.containerID`, containerId, identifierForm);
  }
  if (typeof ifname !== 'string' || !isInterfaceName(ifname)) {
    throw refuse(`${path}.ifname`, ifname, 'the name of a network interface');
  }
  return { containerId, ifname };
}

/**
 * The attachments that GC must keep (SPEC.md, "GC"): `cni.dev/valid-attachments`, or the older `cni.dev/attachments`
 * where that is not there. An empty list keeps none. Null where the runtime sends neither (cnitool) or `null` (a Go program
 * without a list): then nobody knows. Throws CniError invalidConfig where one is malformed: a list that is not understood must not
 * cost anybody an attachment.
 */
export function parseValidAttachments(config: Json): readonly ValidAttachment[] | null {
  const key = (config[newKey] ?? null) === null ? oldKey : newKey;
  const list = config[key] ?? null;
  if (list === null) return null;
  if (!Array.isArray(list)) throw refuse(key, list, 'an array');
  return Object.freeze(list.map((value, at) => Object.freeze(readAttachment(value, `${key}[${at}]`))));
}
