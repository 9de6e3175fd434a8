// The lab on the command line: node test/lab/cli.ts --help
import process from 'node:process';
import { buffer } from 'node:stream/consumers';
import { askLab, ensureLab, isLabUp, LabConnection } from './cli/client.ts';
import { endMark, joinTerminal } from './cli/terminal.ts';
import { LabError } from './lab-error.ts';
import { reportToStderr } from './progress.ts';
import { provision } from './setup/provision.ts';

const help = `Usage: npm run lab [-- [OPTIONS] [COMMAND]]

An emulated node with two SR-IOV network cards (igb, 7 VFs each). It sees this machine's files but
those in /tmp and /run, read-only: what is written in it is lost with it. Each checkout has one of its own.

Commands:
  (none)               a prompt in the lab, up to four at once; a lab started for one ends with the last
  run [-i] PROGRAM...  runs one program in it, -i with this command's standard input; starts a
                       lab when none runs, and leaves it running
  down                 ends it
  setup                gets QEMU and the kernel, nothing else; --refresh looks for newer ones

Options for a lab that is started:
  --iommu              with an IOMMU, for vfio-pci
  --fresh              boots cold instead of restoring a snapshot
`;

async function runInLab(options: readonly string[], words: readonly string[]): Promise<void> {
  const interactive = words[0] === '-i';
  const argv = interactive ? words.slice(1) : words;
  if (argv.length === 0) throw new LabError('command', 'run needs a program; see --help');
  const stdinBase64 = interactive ? (await buffer(process.stdin)).toString('base64') : '';
  const started = await ensureLab(options, reportToStderr);
  const reply = await askLab({ kind: 'run', argv, stdinBase64 });
  if (reply.kind !== 'ran') return;
  process.stdout.write(Buffer.from(reply.stdoutBase64, 'base64'));
  process.stderr.write(reply.stderr);
  if (started) reportToStderr('it keeps running; `npm run lab -- down` ends it');
  process.exitCode = reply.status;
}

async function prompt(options: readonly string[]): Promise<void> {
  await ensureLab([...options, '--for-prompt'], reportToStderr);
  const { rows = 24, columns = 80 } = process.stdout;
  const size = { rows, columns, type: process.env['TERM'] ?? 'dumb' };
  const connection = await LabConnection.open({ kind: 'terminal', size, endMark });
  const opened = await connection.reply();
  if (opened.kind === 'terminal') await joinTerminal(opened.socket, () => connection.join());
  connection.end();
  const closed = await connection.reply();
  if (closed.kind === 'closed' && closed.ended) reportToStderr('ended');
  else reportToStderr('it keeps running; `npm run lab -- down` ends it');
}

async function down(): Promise<void> {
  if (!(await isLabUp())) {
    reportToStderr('no lab runs');
    return;
  }
  await askLab({ kind: 'down' });
  reportToStderr('ended');
}

async function main(args: readonly string[]): Promise<void> {
  const at = args.findIndex((word) => !word.startsWith('--'));
  const options = at === -1 ? args : args.slice(0, at);
  const [command, ...rest] = at === -1 ? [] : args.slice(at);
  if (options.includes('--help')) process.stdout.write(help);
  else if (command === undefined) await prompt(options);
  else if (command === 'run') await runInLab(options, rest);
  else if (command === 'down') await down();
  else if (command === 'setup') await provision(reportToStderr, { refresh: rest.includes('--refresh') });
  else throw new LabError('command', `there is no command ${command}; see --help`);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`lab: ${error instanceof LabError ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
