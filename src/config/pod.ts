import { quote } from '../lib/quote.ts';
import type { PodReference } from './sriov-conf.ts';
import type { ConfProblem } from './wire-conf.ts';

type Args = Readonly<Record<string, string>>;

interface PodArg {
  readonly arg: string;
  readonly key: keyof PodReference;
  readonly form: RegExp;
  readonly allowed: string;
}

/** The UID goes into names of files; it is a UUID, or for static pods a hash. */
const podArgs: readonly PodArg[] = [
  {
    arg: 'K8S_POD_NAMESPACE',
    key: 'namespace',
    form: /^[A-Za-z0-9._-]{1,253}$/,
    allowed: 'up to 253 of A-Z a-z 0-9 . _ -',
  },
  { arg: 'K8S_POD_NAME', key: 'name', form: /^[A-Za-z0-9._-]{1,253}$/, allowed: 'up to 253 of A-Z a-z 0-9 . _ -' },
  { arg: 'K8S_POD_UID', key: 'uid', form: /^[A-Za-z0-9-]{1,64}$/, allowed: 'up to 64 of A-Z a-z 0-9 -' },
];

/** What is wrong with the names of the pod in CNI_ARGS; an empty value is absent. */
export function checkPod(args: Args): ConfProblem[] {
  return podArgs.flatMap(({ arg, form, allowed }) => {
    const value = args[arg] ?? '';
    if (value === '' || form.test(value)) return [];
    return [{ path: `CNI_ARGS ${arg}`, message: `${quote(value)} is not allowed; allowed: ${allowed}` }];
  });
}

/** The pod that CNI_ARGS names, or null. Only after checkPod found nothing. */
export function podOf(args: Args): PodReference | null {
  const named = podArgs.flatMap(({ arg, key }) => (args[arg] ? [[key, args[arg]]] : []));
  return named.length === 0 ? null : Object.freeze(Object.fromEntries(named) as PodReference);
}
