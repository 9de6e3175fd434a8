import { isJsonObject } from '../../cni/json-text.ts';

/** A document's objects: a List of Kubernetes is its items. */
export function flattenLists(document: unknown): readonly unknown[] {
  const isList = isJsonObject(document) && document['kind'] === 'List' && Array.isArray(document['items']);
  return isList ? (document['items'] as unknown[]) : [document];
}
