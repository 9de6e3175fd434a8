// Tries the executable for arm64 on an emulated machine of that CPU, with an emulated SR-IOV card: npm run arm64
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { runChild } from '../child.ts';
import { LabError } from '../lab-error.ts';
import { elapsed, reportToStderr } from '../progress.ts';
import { checkout } from '../setup/cache-folder.ts';
import { type CpioEntry, consoleEntry, fileEntry, folderEntry, linkEntry, writeCpio } from '../setup/cpio.ts';
import { qemuEnvironment } from '../setup/kit.ts';
import { type Arm64Kit, provideArm64Kit } from './provision.ts';

const limitMs = 10 * 60_000;
const executable = join(checkout, 'dist/native-arm64/dra-sriov');

/** A folder with all below it, as entries below `target`. */
function entriesOf(folder: string, target: string): readonly CpioEntry[] {
  return readdirSync(folder)
    .sort()
    .flatMap((name): readonly CpioEntry[] => {
      const [path, place] = [join(folder, name), join(target, name)];
      const stat = lstatSync(path);
      if (stat.isSymbolicLink()) return [linkEntry(place, readlinkSync(path))];
      if (stat.isDirectory()) return [folderEntry(place), ...entriesOf(path, place)];
      return [fileEntry(place, readFileSync(path))];
    });
}

/** The guest's whole file system. */
function initramfs(kit: Arm64Kit): Buffer {
  return writeCpio([
    ...['dev', 'proc', 'sys', 'run', 'tmp', 'modules', 'opt', 'opt/cni', 'opt/cni/bin'].map(folderEntry),
    ...['bin', 'sbin', 'lib'].map((name) => linkEntry(name, `usr/${name}`)),
    consoleEntry,
    ...entriesOf(kit.tools, ''),
    ...entriesOf(kit.modules, 'modules'),
    fileEntry('opt/cni/bin/dra-sriov', readFileSync(executable)),
    fileEntry('init', readFileSync(join(import.meta.dirname, 'trial.sh'))),
  ]);
}

/** What the guest prints. */
async function boot(kit: Arm64Kit, archive: string): Promise<string> {
  const argv = [
    join(kit.qemu, 'usr/bin/qemu-system-aarch64'),
    ...['-nodefaults', '-nographic', '-no-reboot', '-no-user-config', '-serial', 'stdio'],
    // Pointer authentication by QEMU's own algorithm; the architecture's takes half of the time.
    ...['-machine', 'virt,gic-version=3', '-accel', 'tcg,thread=multi', '-cpu', 'max,pauth-impdef=on'],
    ...['-m', '1024', '-smp', '2', '-kernel', kit.kernel, '-initrd', archive],
    ...['-append', 'console=ttyAMA0 quiet panic=-1'],
    ...['-device', 'pcie-root-port,id=rp0,chassis=1,slot=1', '-netdev', 'user,id=wire0,restrict=on'],
    ...['-device', 'igb,bus=rp0,netdev=wire0,mac=52:54:00:11:22:30,romfile='],
  ];
  const { stdout, stderr } = await runChild(argv, { timeoutMs: limitMs, env: qemuEnvironment(kit.qemu) });
  return stdout + stderr;
}

async function main(): Promise<number> {
  if (!existsSync(executable)) throw new LabError('setup', `${executable} is missing: ./build.sh --cpu arm64`);
  const kit = await provideArm64Kit(reportToStderr);
  const begin = performance.now();
  const said = await withTemporaryDirectory((directory) => {
    const archive = join(directory, 'initramfs.cpio');
    writeFileSync(archive, initramfs(kit));
    return boot(kit, archive);
  });
  process.stdout.write(said);
  const lines = said.split(/\r?\n/);
  const passed = lines.filter((line) => line.startsWith('ok ')).length;
  const failed = lines.filter((line) => line.startsWith('FAILED ')).length;
  const ended = lines.includes('done');
  reportToStderr(
    `arm64: ${passed} ok, ${failed} failed${ended ? '' : ', and it did not come to its end'} in ${elapsed(begin)}`,
  );
  return failed === 0 && ended ? 0 : 1;
}

process.exitCode = await main();
