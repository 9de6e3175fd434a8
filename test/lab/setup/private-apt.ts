import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runChecked } from '../child.ts';
import { LabError } from '../lab-error.ts';

const updateTimeoutMs = 5 * 60_000;
const downloadTimeoutMs = 20 * 60_000;
const queryTimeoutMs = 60_000;
const machineStatusFile = '/var/lib/dpkg/status';

/** An apt with sources, lists and downloads of its own. It reads which packages the machine has and changes nothing. */
export class PrivateApt {
  readonly #folder: string;
  readonly #options: readonly string[];

  constructor(folder: string, sources: string, architecture?: string) {
    this.#folder = folder;
    for (const name of ['lists/partial', 'archives/partial', 'parts']) {
      mkdirSync(join(folder, name), { recursive: true });
    }
    writeFileSync(join(folder, 'lab.sources'), sources);
    this.#options = Object.entries({
      'Dir::Etc::SourceList': join(folder, 'lab.sources'),
      'Dir::Etc::SourceParts': join(folder, 'parts'),
      'Dir::Etc::Preferences': '/dev/null',
      'Dir::Etc::PreferencesParts': join(folder, 'parts'),
      'Dir::State::Lists': join(folder, 'lists'),
      'Dir::State::Status': architecture === undefined ? machineStatusFile : '/dev/null',
      'Dir::Cache': folder,
      'Dir::Cache::Archives': join(folder, 'archives'),
      'APT::Sandbox::User': 'root',
      'APT::Install-Recommends': 'false',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '3',
      'Debug::NoLocking': '1',
      ...(architecture === undefined ? {} : { 'APT::Architecture': architecture, 'APT::Architectures': architecture }),
    }).flatMap(([key, value]) => ['-o', `${key}=${value}`]);
  }

  async update(): Promise<void> {
    await this.#run(['apt-get', '-q', 'update'], updateTimeoutMs);
  }

  /** The packages a metapackage stands for, as `apt-cache depends` tells. */
  async depends(name: string, suite: string): Promise<readonly string[]> {
    const text = await this.#run(['apt-cache', '-t', suite, 'depends', '--important', name], queryTimeoutMs);
    return [...text.matchAll(/^\s*Depends: (\S+)/gm)].map((match) => match[1] ?? '');
  }

  /**
   * Downloads packages, which the machine may have, with whatever they need and the machine lacks. Returns the files.
   */
  async downloadWithNeeds(names: readonly string[], suite: string): Promise<readonly string[]> {
    const install = ['apt-get', '-q', '-y', '-t', suite, 'install', '--reinstall', '--download-only'];
    const plan = await this.#run([...install, '--print-uris', ...names], queryTimeoutMs);
    await this.#run([...install, ...names], downloadTimeoutMs);
    return packageFiles(plan).map((file) => join(this.#folder, 'archives', file));
  }

  /** Downloads one package without what it needs. Returns the file. */
  async download(name: string, suite: string): Promise<string> {
    const plan = await this.#run(
      ['apt-get', '-q', '-t', suite, 'download', '--print-uris', `${name}/${suite}`],
      queryTimeoutMs,
    );
    const [file] = packageFiles(plan);
    if (file === undefined) throw new LabError('setup', `apt knows no package ${name} in ${suite}`);
    await this.#run(['apt-get', '-q', 'download', `${name}/${suite}`], downloadTimeoutMs);
    return join(this.#folder, 'archives', file);
  }

  async #run(argv: readonly string[], timeoutMs: number): Promise<string> {
    const [program = '', ...args] = argv;
    const cwd = join(this.#folder, 'archives');
    const env = { LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };
    return (await runChecked([program, ...this.#options, ...args], { timeoutMs, cwd, env })).toString();
  }
}

/** Lines of --print-uris: 'address' file size hash. */
function packageFiles(plan: string): readonly string[] {
  return [...plan.matchAll(/^'[^']+' (\S+\.deb) \d+/gm)].map((match) => match[1] ?? '');
}
