import { isJsonObject } from '../../cni/json-text.ts';
import { isDefinition, resourceNameKey } from '../check-definition.ts';
import { at, type Json, type Manifest, textAt } from './objects.ts';

/** A NetworkAttachmentDefinition. */
export interface Network extends Manifest {
  readonly resourceName: string | null;
  /** The plugin of ours in it; null where there is none, or its config can't be read. */
  readonly plugin: Json | null;
}

function pluginsOf(config: string): readonly Json[] {
  try {
    const network: unknown = JSON.parse(config);
    const plugins = at(network, 'plugins');
    return (Array.isArray(plugins) ? plugins : [network]).filter(isJsonObject);
  } catch {
    // Said where the definition itself is checked.
    return [];
  }
}

export function readNetwork(manifest: Manifest, ourTypes: ReadonlySet<string>): Network | null {
  if (!isDefinition(manifest.object)) return null;
  const plugins = pluginsOf(textAt(manifest.object, 'spec', 'config') ?? '');
  return {
    ...manifest,
    resourceName: textAt(manifest.object, 'metadata', 'annotations', resourceNameKey),
    plugin: plugins.find(({ type }) => ourTypes.has(String(type))) ?? null,
  };
}
