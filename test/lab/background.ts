import {
  type BackgroundCommand,
  type CommandResult,
  type CommandRunner,
  commandResult,
  defaultTimeoutMs,
  must,
  type RunOptions,
} from './command.ts';
import { LabError } from './lab-error.ts';

const pollMs = 100;
const endTimeoutMs = 60_000;

/**
 * The command leads a session of its own, so that it and all it starts can be ended together. It tells its process id
 * from inside that session. Shells start background commands with SIGINT ignored; env undoes that.
 */
const wrapper = `
folder=$(mktemp -d /tmp/lab-background.XXXXXX)
{
  setsid /bin/sh -c 'echo $$ >"$0/pid"; exec env --default-signal "$@"' "$folder" "$@" </dev/null >"$folder/out" 2>"$folder/err"
  echo $? >"$folder/status.new"
  mv "$folder/status.new" "$folder/status"
} >/dev/null 2>&1 &
until [ -s "$folder/pid" ]; do sleep 0.01; done
echo "$(cat "$folder/pid") $folder"
`;

/** Starts a command that runs beside others. Its output goes to files, so that nobody waits for it. */
export async function startInBackground(
  runner: CommandRunner,
  argv: readonly string[],
  options?: RunOptions,
): Promise<BackgroundCommand> {
  const started = await must(runner, ['/bin/sh', '-c', wrapper, 'sh', ...argv], options);
  const [pid = '', folder = ''] = started.trim().split(' ');
  const wait = (timeoutMs: number): Promise<CommandResult> => waitForEnd(runner, folder, argv, timeoutMs);
  return {
    pid: Number(pid),
    wait: (waitOptions) => wait(waitOptions?.timeoutMs ?? defaultTimeoutMs),
    stop: async (signal = 'TERM') => {
      await runner.sh(`[ -e ${folder}/status ] || kill -${signal} -${pid}`);
      return wait(endTimeoutMs);
    },
  };
}

async function waitForEnd(
  runner: CommandRunner,
  folder: string,
  argv: readonly string[],
  timeoutMs: number,
): Promise<CommandResult> {
  const end = performance.now() + timeoutMs;
  while ((await runner.run(['test', '-e', `${folder}/status`])).status !== 0) {
    if (performance.now() > end) throw new LabError('timeout', `not done after ${timeoutMs} ms: ${argv.join(' ')}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  const read = async (name: string): Promise<Buffer> => (await runner.run(['cat', `${folder}/${name}`])).stdoutBytes;
  const status = Number((await read('status')).toString());
  const result = commandResult(status, await read('out'), await read('err'));
  await runner.run(['rm', '-r', folder]);
  return result;
}
