// Makes the plugin's system calls fail, one in each run, and sees whether it undoes all, or keeps the record and says
// so.
import { expectPicture, type Pictures, takePictures, type Verb } from './kill.ts';
import { compare, type Outcome, type Site } from './site.ts';
import { describeFault, type Fault, isChange, isThread, type SystemCall } from './strace.ts';

export interface ErrorTally {
  /** Failures in spite of which ADD or DEL did all that it should. */
  overcome: number;
  /** Failures after which all was as before. */
  undone: number;
  /** Failures after which the record was kept, and the next DEL gave everything back. */
  kept: number;
  readonly failures: string[];
}

/** Memory and signals of the process: their failure ends any program. For threads see threads.test.ts. */
const ownAffairs =
  /^(brk|mmap|munmap|mremap|mprotect|madvise|futex|rseq|arch_prctl|set_\w+|rt_sig\w+|prlimit64|getrandom|get[pt]id|alarm|exit_group|close)$/;

const netlinkErrnos = ['EBUSY', 'EAGAIN', 'ENODEV', 'ENOSPC', 'EIO', 'EPERM', 'ENOBUFS'] as const;
const fileErrnos = ['ENOSPC', 'EROFS', 'EIO'] as const;
const otherErrnos = ['EIO', 'EPERM'] as const;

function errnosFor(call: SystemCall): readonly string[] {
  if (ownAffairs.test(call.name) || isThread(call)) return [];
  // An error can't be told where stdout can't be written.
  if (/^write\(1\b/.test(call.text)) return [];
  if (/^(sendto|recvfrom|sendmsg|recvmsg)$/.test(call.name)) return netlinkErrnos;
  return isChange(call) ? fileErrnos : otherErrnos;
}

/** Every failure of every call. A call that changes something also fails for good: a full disk, a lost driver. */
export function listFaults(trace: readonly SystemCall[]): readonly Fault[] {
  return trace.flatMap((call) => {
    const { name, nth } = call;
    const once = errnosFor(call).map((errno): Fault => ({ name, nth, kind: { errno } }));
    const lasting: Fault = { name, nth, kind: { errno: 'EIO' }, lasting: true };
    return once.length > 0 && isChange(call) ? [...once, lasting] : once;
  });
}

const holdsRecord = (picture: readonly string[]): boolean => picture.some((line) => line.endsWith('.json'));

function expectError({ status, stdout, stderr }: Outcome): { readonly code: number; readonly msg: string } {
  if (status !== 1) throw new Error(`it ended with ${status}: ${stdout}\n${stderr}`);
  const error = JSON.parse(stdout) as {
    readonly cniVersion?: unknown;
    readonly code?: unknown;
    readonly msg?: unknown;
  };
  const { code, msg, cniVersion } = error;
  if (typeof code !== 'number' || typeof msg !== 'string' || typeof cniVersion !== 'string')
    throw new Error(`no CNI error: ${stdout}`);
  return { code, msg };
}

/** Where all writes fail, that of the answer does, too. */
const isMute = ({ name, lasting }: Fault): boolean => name === 'write' && lasting === true;

/** Looks at what a verb with a fault has left; a DEL ends it. */
function judge(site: Site, verb: Verb, fault: Fault, outcome: Outcome, pictures: Pictures, tally: ErrorTally): void {
  const picture = withoutRemains(site.picture());
  if (outcome.status === 0) {
    const expected = verb === 'ADD' ? withoutRemains(pictures.attached[0]) : pictures.before;
    const difference = compare(expected, picture);
    if (difference !== '') throw new Error(`it succeeded:\n${difference}`);
    tally.overcome++;
  } else {
    const { code, msg } = isMute(fault) ? { code: 108, msg: 'no answer' } : expectError(outcome);
    const difference = compare(pictures.before, picture);
    if (difference === '') tally.undone++;
    else if (verb === 'ADD' && (code !== 108 || !holdsRecord(picture)))
      throw new Error(`code ${code}: ${msg}\n${difference}`);
    else if (verb === 'DEL' && !holdsRecord(picture))
      throw new Error(`code ${code}: ${msg}\nthe record is lost\n${difference}`);
    else tally.kept++;
  }
  site.succeed('DEL', 0);
  expectPicture(site, pictures.before, `after a DEL; before it: ${outcome.stdout}`);
}

/** An empty folder or a temporary file holds nothing; the next DEL or sweep removes it. */
function withoutRemains(picture: readonly string[]): readonly string[] {
  const records = picture.filter((line) => line.endsWith('.json'));
  return picture.filter((line) => {
    const isFolder = /^state [^.][^.]*$/.test(line) && !records.some((record) => record.startsWith(`${line}/`));
    return !isFolder && !/^state .*\.dra-sriov-\d+-\d+\.tmp$/.test(line);
  });
}

/** Runs the verb with each of the faults, in turn. */
export function failAt(site: Site, verb: Verb, faults: readonly Fault[]): ErrorTally {
  const tally: ErrorTally = { overcome: 0, undone: 0, kept: 0, failures: [] };
  let pictures = takePictures(site);
  for (const fault of faults) {
    if (verb === 'DEL') site.occupy();
    try {
      judge(site, verb, fault, site.run(verb, 0, fault), pictures, tally);
    } catch (thrown) {
      tally.failures.push(`${verb}: ${describeFault(fault)}: ${(thrown as Error).message}`);
      if (!site.reset()) return tally;
      pictures = takePictures(site);
    }
  }
  return tally;
}
