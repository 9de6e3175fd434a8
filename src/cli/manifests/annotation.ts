import { isJsonObject } from '../../cni/json-text.ts';
import { quote, show } from '../../lib/quote.ts';

export const networksKey = 'k8s.v1.cni.cncf.io/networks';

/** One attachment that a pod's annotation asks for. */
export interface NetworkSelection {
  /** Null: the pod's own. */
  readonly namespace: string | null;
  readonly name: string;
  /** Null: Multus numbers it, `net<N>` by its place. */
  readonly ifname: string | null;
}

const objectName = '[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?';
/** `<namespace>/<name>@<interface>` (NetworkAttachmentDefinition specification, 4.1.2.1). */
const short = new RegExp(`^(?:(${objectName})/)?(${objectName})(?:@(.+))?$`);

function readShort(text: string): NetworkSelection {
  const [, namespace, name, ifname] = short.exec(text) ?? [];
  if (name === undefined) throw new Error(`${quote(text)} is not allowed; allowed: <namespace>/<name>@<interface>`);
  return { namespace: namespace ?? null, name, ifname: ifname ?? null };
}

function readElement(element: unknown): NetworkSelection {
  if (!isJsonObject(element) || typeof element['name'] !== 'string' || element['name'] === '') {
    throw new Error(`${show(element)} is not allowed; allowed: an object with a name`);
  }
  const text = (key: string): string | null => {
    const value = element[key];
    return typeof value === 'string' && value !== '' ? value : null;
  };
  return { namespace: text('namespace'), name: element['name'], ifname: text('interface') };
}

/** Reads the annotation in either form. Throws an Error that says what is wrong with it. */
export function readNetworks(text: string): readonly NetworkSelection[] {
  const trimmed = text.trim();
  if (!/^[[{]/.test(trimmed)) {
    const items = trimmed.split(',').map((item) => item.trim());
    return items.filter((item) => item !== '').map(readShort);
  }
  let list: unknown;
  try {
    list = JSON.parse(trimmed);
  } catch {
    throw new Error('it is neither a list of names by commas nor JSON');
  }
  if (!Array.isArray(list)) throw new Error(`${show(list)} is not allowed; allowed: an array of objects`);
  return list.map(readElement);
}
