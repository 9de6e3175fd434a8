import { listCheckpointPods, readDeviceUsers } from '../../allocation/checkpoints.ts';
import { Trace } from '../../allocation/trace.ts';
import { CniError, explain, isBug, isCniError } from '../../cni/errors.ts';
import type { Platform } from '../../platform/platform.ts';
import { version } from '../../version.ts';
import { isUserspaceDriver } from '../../vf/identity.ts';
import { findDevice } from '../node/find-device.ts';
import { isLeft } from '../node/records.ts';
import { type SurveyedPf, type SurveyedVf, surveyNode } from '../node/survey.ts';
import { isElsewhere, readView } from '../node/view.ts';
import { complain, type ExitCode, exitCodes, printJson, type Tool } from '../tool.ts';
import { describeReport } from './describe.ts';
import { factsOf, lookAt } from './facts.ts';
import type { ProbedPf, ProbeReport } from './report.ts';
import { probeVf } from './run.ts';

interface ProbeOptions {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  /** Works from where this process is, whatever process 1 of the node sees. */
  readonly here?: boolean;
}

/**
 * `probe [PF or VF]`: tries each setting on a VF that nobody uses, by the steps of ADD, and puts it back by those of
 * DEL; by default on one VF of each PF. It writes a record as an ADD does, so that `gc`, the next ADD and the next
 * probe put the settings back if it is killed. With --dry-run it only looks, at any VF.
 */
export function probe(
  tool: Tool,
  target: string | undefined,
  { dryRun = false, json = false, here = false }: ProbeOptions,
): ExitCode {
  const { platform } = tool;
  if (!dryRun && !here && isElsewhere(tool, readView(platform), 'probe')) return exitCodes.wrong;
  const survey = surveyNode(tool);
  const found = target === undefined ? null : findDevice(tool, survey, target);
  if (target !== undefined && found === null) return exitCodes.wrong;
  const chosen = found === null ? survey.pfs.filter(({ vfs }) => vfs.length > 0) : [found.pf];
  if (chosen.length === 0) {
    complain(tool, 'this node has no VFs');
    return exitCodes.wrong;
  }
  if (!dryRun) platform.holdSignals();
  const pfs = chosen.map((pf) => {
    const vfs = found?.vf == null ? pf.vfs : [found.vf];
    return dryRun ? lookAtOne(platform, pf, vfs) : probeOne(tool, pf, vfs);
  });
  const kernel = platform.readFile(`${platform.paths.procfs}/sys/kernel/osrelease`)?.toString('utf8').trim() ?? null;
  const report: ProbeReport = { version, kernel, dryRun, pfs };
  if (json) printJson(tool, report);
  else platform.writeStdout(describeReport(tool, report));
  return pfs.some(({ failure }) => failure !== null) ? exitCodes.wrong : exitCodes.fine;
}

function lookAtOne(platform: Platform, pf: SurveyedPf, vfs: readonly SurveyedVf[]): ProbedPf {
  const vf = vfs.find(({ link }) => link !== null) ?? vfs[0];
  return vf === undefined ? { ...factsOf(platform, pf, null), failure: 'it has no VFs' } : lookAt(platform, pf, vf);
}

const interruption = 'interrupted by a signal; the VF is as it was';

/** Probes the first of these VFs that nobody uses. */
function probeOne(tool: Tool, pf: SurveyedPf, vfs: readonly SurveyedVf[]): ProbedPf {
  const { platform } = tool;
  const reasons: string[] = [];
  for (const vf of vfs) {
    if (platform.signalCame()) return { ...factsOf(platform, pf, null), failure: interruption };
    try {
      refuseGiven(platform, vf);
      const { settings, interrupted } = probeVf(tool, vf.sysfs.pci);
      return { ...factsOf(platform, pf, vf), settings, failure: interrupted ? interruption : null };
    } catch (thrown) {
      if (isBug(thrown)) throw thrown;
      // The VF is in use, or has no driver. Another one may do.
      if (!isCniError(thrown, 'vfBusy') && !isCniError(thrown, 'noDriver')) {
        return { ...factsOf(platform, pf, vf), failure: explain(thrown) };
      }
      reasons.push(explain(thrown));
    }
  }
  const failure = vfs.length === 1 ? reasons.join('') : `none of its ${vfs.length} VFs is free: ${reasons[0]}`;
  return { ...factsOf(platform, pf, null), failure: vfs.length === 0 ? 'it has no VFs' : failure };
}

/** Refuses a VF that was given to a pod, even if it isn't attached yet. Throws CniError vfBusy. */
function refuseGiven(platform: Platform, { sysfs: { pci, driver }, holder, sriovCni }: SurveyedVf): void {
  const busy = (how: string): CniError => new CniError('vfBusy', `VF ${pci} ${how}`);
  if (isUserspaceDriver(driver)) throw busy(`is bound to ${driver}, and has no netdev to try settings on`);
  if (holder !== null && !isLeft(holder)) throw busy('is attached');
  if (sriovCni !== null) throw busy('was attached by sriov-cni');
  const pods = listCheckpointPods(platform, new Trace(), pci).filter(({ vfs }) => vfs.some((vf) => vf.pci === pci));
  const [claimed] = pods;
  if (claimed !== undefined) throw busy(`is prepared for pod ${claimed.podUid} by the DRA driver`);
  const [user] = readDeviceUsers(platform, pci, new Trace());
  if (user !== undefined) throw busy(`is given to pod ${user.podUid} by the kubelet`);
}
