import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Inputs of a build: folders with everything below them, and files. */
const folders = ['src', 'scripts/build'] as const;
const files = ['package.json', 'package-lock.json'] as const;

export interface Sources {
  readonly folders: readonly string[];
  readonly files: readonly string[];
}

/**
 * A hash over the content of everything that a build depends on; `more` are further files and folders, by their paths.
 */
export function hashSources(root: string, more: Partial<Sources> = {}): string {
  const below = [...folders, ...(more.folders ?? [])].flatMap((folder) =>
    readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1)),
  );
  const hash = createHash('sha256');
  for (const path of [...below, ...files, ...(more.files ?? [])].sort()) {
    const content = readFileSync(join(root, path));
    hash.update(`${path}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

/** Remembers, outside of what is delivered, which sources an output was built from. */
export class BuildStamp {
  readonly #path: string;
  readonly #sources: string;
  readonly #outputs: readonly string[];

  constructor(path: string, sources: string, outputs: readonly string[]) {
    this.#path = path;
    this.#sources = sources;
    this.#outputs = outputs;
  }

  /** True if the outputs are those of the last build, and that build had these sources. */
  isFresh(): boolean {
    try {
      return readFileSync(this.#path, 'utf8') === this.#content();
    } catch {
      return false;
    }
  }

  write(): void {
    mkdirSync(dirname(this.#path), { recursive: true });
    writeFileSync(this.#path, this.#content());
  }

  #content(): string {
    const lines = this.#outputs.map((path) => {
      const { size, mtimeMs, mode } = statSync(path);
      return `${path} ${size} ${mtimeMs} ${mode.toString(8)}`;
    });
    return [this.#sources, ...lines, ''].join('\n');
  }
}
