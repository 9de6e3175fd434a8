import { isCniError } from '../../cni/errors.ts';
import type { CommandContext } from '../../commands/context.ts';
import { changeOwnMacOf } from '../../commands/pending.ts';
import { getLink, type Link, setLinkMtu } from '../../kernel/rtnl/links.ts';
import { readVfAdminState } from '../../kernel/rtnl/vfs.ts';
import { isSystemError, type SystemError } from '../../lib/system-error.ts';
import { differingFields, partsOf, type VfAdminState, type VfSettings } from '../../settings/settings.ts';
import type { AttachmentRecord } from '../../state/attachment-record.ts';
import { applyAdminChange } from '../../vf/admin.ts';
import { settleMac } from '../../vf/mac.ts';
import { readMac, takeMacOfPf, tryLinkMac } from '../../vf/mac-quirks.ts';
import { planVf } from '../../vf/plan.ts';
import { isRefusal } from '../../vf/refusal.ts';
import { restoreVf } from '../../vf/restore.ts';
import type { Pf } from '../../vf/vf.ts';
import type { TriedValue } from './report.ts';
import type { Trial } from './trials.ts';

/** Other orders than that of ADD, to be tried after the VF's own MAC was changed. */
const ways = ['the VF alone', 'the PF alone', 'the PF, then the VF', 'the PF, then the VF goes up'] as const;

type Outcome = Pick<TriedValue, 'outcome' | 'errno' | 'message'>;

const taken: Outcome = { outcome: 'taken', errno: null, message: null };
const ignored: Outcome = { outcome: 'ignored', errno: null, message: null };
const refused: Outcome = { outcome: 'refused', errno: null, message: null };

/** Tries settings on one VF, by the steps of ADD, and puts each back by those of DEL. The caller has its record. */
export class Attempt {
  readonly #context: CommandContext;
  readonly #pf: Pf | null;
  #record: AttachmentRecord;

  constructor(context: CommandContext, record: AttachmentRecord, pf: Pf | null) {
    this.#context = context;
    this.#record = record;
    this.#pf = pf;
  }

  get record(): AttachmentRecord {
    return this.#record;
  }

  /**
   * Tries the values of one key one after the other, and puts back what the VF had. Throws SystemError if no answer
   * came, and an Error if something can't be put back.
   */
  tryKey(trials: readonly Trial[]): readonly TriedValue[] {
    const tried = trials.flatMap((trial): TriedValue[] => {
      const { key, value, asked } = trial;
      const describe = (way: TriedValue['way'], outcome: Outcome): TriedValue => ({
        key,
        value: String(value),
        way,
        ...outcome,
      });
      const first = describe(
        null,
        outcomeOf(() => this.#ask(asked)),
      );
      const { mac } = asked;
      if (mac === undefined) return [first];
      const others = ways.map((way) => {
        this.#restore();
        return describe(
          way,
          outcomeOf(() => this.#askForMac(way, mac)),
        );
      });
      return [first, ...others];
    });
    this.#restore();
    return tried;
  }

  /** Makes settings as ADD does, but on the host. */
  #ask(asked: VfSettings): Outcome {
    const { platform, host } = this.#context;
    const { identity } = this.#record;
    const now = { ...this.#record.snapshot, admin: this.#admin() };
    const plan = planVf(asked, identity, now, this.#pf);
    this.#record = changeOwnMacOf(this.#context, this.#record, plan.mac);
    if (this.#pf !== null) applyAdminChange(host, this.#pf, identity, plan.admin);
    const link = this.#link();
    const { mtu, mac } = plan;
    if (mtu !== null) host.change(link.ifindex, (session) => setLinkMtu(session, link.ifindex, mtu));
    if (mac !== null) settleMac(platform, host, link, mac, identity);
    return this.#shows(asked) ? taken : ignored;
  }

  #shows({ mtu, ...asked }: VfSettings): boolean {
    const now = this.#admin();
    const link = this.#link();
    if (mtu !== undefined && link.mtu !== mtu) return false;
    if (asked.mac !== undefined && link.mac !== asked.mac) return false;
    // A PF that tells nothing of its VFs was asked only for what its VF can set itself, or has already.
    return (
      now === null || partsOf(asked).every(({ setting, change }) => differingFields(setting, now, change).length === 0)
    );
  }

  #askForMac(way: (typeof ways)[number], mac: NonNullable<VfSettings['mac']>): Outcome {
    const { host } = this.#context;
    const link = this.#link();
    if (way === 'the VF alone') return tryLinkMac(host, link, mac) ? taken : refused;
    if (this.#pf === null) return refused;
    applyAdminChange(host, this.#pf, this.#record.identity, { mac });
    if (way === 'the PF, then the VF') return tryLinkMac(host, link, mac) ? taken : refused;
    if (way === 'the PF, then the VF goes up') takeMacOfPf(host, link);
    return readMac(host, link.ifindex) === mac ? taken : ignored;
  }

  #admin(): VfAdminState | null {
    return this.#pf === null ? null : readVfAdminState(this.#context.host.session, this.#pf.ifindex, this.#pf.vfIndex);
  }

  #link(): Link {
    const { snapshot, identity } = this.#record;
    const link =
      snapshot.netdev === null ? null : getLink(this.#context.host.session, { ifindex: snapshot.netdev.ifindex });
    if (link !== null) return link;
    throw new Error(`the netdev of VF ${identity.pci} vanished`);
  }

  #restore(): void {
    const { platform, log, host } = this.#context;
    const [failure] = restoreVf(platform, log, host, this.#record.identity, this.#record.snapshot);
    if (failure !== undefined) throw failure;
  }
}

/** The outcome, or that of a refusal. Throws any other error. */
function outcomeOf(ask: () => Outcome): Outcome {
  try {
    return ask();
  } catch (thrown) {
    const cause = causeOf(thrown);
    if (isRefusal(cause)) return { outcome: 'refused', errno: cause.code, message: cause.message };
    if (isCniError(thrown, 'settingRefused')) return { ...refused, message: thrown.message };
    throw thrown;
  }
}

function causeOf(thrown: unknown): SystemError | null {
  if (isSystemError(thrown)) return thrown;
  return thrown instanceof Error && isSystemError(thrown.cause) ? thrown.cause : null;
}
