import { startInBackground } from '../background.ts';
import {
  type BackgroundCommand,
  type CommandResult,
  type CommandRunner,
  defaultTimeoutMs,
  expectSuccess,
  type RunOptions,
  type StartOptions,
} from '../command.ts';
import { checkout } from '../setup/cache-folder.ts';
import type { AgentPort } from './agent-port.ts';
import { shellWord, shellWords } from './shell-words.ts';

const enterTimeoutMs = 60_000;
const guestPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const guestEnvironment = { PATH: guestPath, HOME: '/root', LANG: 'C.UTF-8', TERM: 'dumb' } as const;

/** Ends the session of the command that the agent (whose process id init noted) waits for. */
const endCurrentCommand =
  'read -r agent </run/control/agent && for pid in $(cat /proc/$agent/task/$agent/children); do kill -KILL -- -$pid; done';

export interface GuestRunOptions extends RunOptions {
  /** Ends the command, and all it started, when aborted. */
  readonly signal?: AbortSignal;
}

/** Runs commands in the emulated guest, as root, one after the other. */
export class LabGuest implements CommandRunner {
  readonly #agent: AgentPort;
  readonly #control: AgentPort;

  constructor(agent: AgentPort, control: AgentPort) {
    this.#agent = agent;
    this.#control = control;
  }

  run(argv: readonly string[], options: GuestRunOptions = {}): Promise<CommandResult> {
    const { timeoutMs = defaultTimeoutMs, stdin, cwd = '/', env = {}, signal } = options;
    const settings = Object.entries(env).map(([name, value]) => shellWord(`${name}=${value}`));
    const exports = settings.length === 0 ? '' : `export ${settings.join(' ')} && `;
    const words = `cd ${shellWord(cwd)} && ${exports}launch ${shellWords(argv)}`;
    return this.#agent.request({ kind: 'child', words, stdin, timeoutMs, signal }, () => this.#interrupt());
  }

  sh(script: string, options?: RunOptions): Promise<CommandResult> {
    return this.run(['/bin/sh', '-c', script], options);
  }

  start(argv: readonly string[], options?: StartOptions): Promise<BackgroundCommand> {
    return startInBackground(this, argv, options);
  }

  /** Waits until the agent answers. */
  async greet(timeoutMs: number): Promise<void> {
    expectSuccess(await this.#agent.request({ kind: 'here', words: ':', timeoutMs }), 'greeting the guest');
  }

  /**
   * Makes the host's files and the share the guest's own root; until then it has nothing but busybox. The checkout is
   * seen even where it lies in a folder that the guest has one of its own for, such as /tmp.
   */
  async enter(): Promise<void> {
    const nowSeconds = Math.ceil(Date.now() / 1000);
    const environment = Object.entries(guestEnvironment).map(([name, value]) => `${name}=${shellWord(value)}`);
    const settings = `now=${nowSeconds} boot_id=${crypto.randomUUID()} checkout=${shellWord(checkout)} request=$id`;
    const words = `${settings}; export ${environment.join(' ')}; . /lab/enter.sh`;
    const entered = await this.#agent.request({ kind: 'here', words, timeoutMs: enterTimeoutMs });
    expectSuccess(entered, 'entering the guest');
  }

  #interrupt(): Promise<CommandResult> {
    return this.#control.request({ kind: 'here', words: endCurrentCommand, timeoutMs: defaultTimeoutMs });
  }
}
