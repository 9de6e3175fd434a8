import { identifierForm, isIdentifier, isInterfaceName } from '../cni/environment.ts';
import { CniError } from '../cni/errors.ts';
import type { Json } from '../lib/json.ts';
import { arrayOf, describeProblems, fits, object, problemsIn, textThat } from '../lib/json-schema.ts';

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}

const newKey = 'cni.dev/valid-attachments';
/** The key in drafts of CNI 1.1, which libcni still sends beside the new one. */
const oldKey = 'cni.dev/attachments';

const attachments = arrayOf(
  object(
    {
      containerID: textThat(isIdentifier, identifierForm),
      ifname: textThat(isInterfaceName, 'the name of a network interface'),
    },
    'an object with containerID and ifname',
  ),
);

/**
 * The attachments that GC must keep (SPEC.md, "GC"): `cni.dev/valid-attachments`, or the older `cni.dev/attachments` if
 * that is absent. An empty list keeps none. Null, not known, if the runtime sends neither (cnitool) or `null` (a Go
 * program without a list). Throws CniError invalidConfig if one is malformed, because a list that is not understood
 * must not cost anybody an attachment.
 */
export function parseValidAttachments(config: Json): readonly ValidAttachment[] | null {
  const key = (config[newKey] ?? null) === null ? oldKey : newKey;
  const list = config[key] ?? null;
  if (list === null) return null;
  if (!fits(attachments, list)) {
    throw new CniError(
      'invalidConfig',
      `invalid network config: ${describeProblems(problemsIn(attachments, list, key))}`,
    );
  }
  return Object.freeze(list.map(({ containerID: containerId, ifname }) => Object.freeze({ containerId, ifname })));
}
