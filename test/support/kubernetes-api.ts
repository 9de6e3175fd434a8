import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

// Checks objects by kubernetes-models, which is made of Kubernetes' OpenAPI documents: its validators know which fields
// are needed, its types which there are, so an unknown field is an error of the compiler.

const modules = join(import.meta.dirname, '../../node_modules');

export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
}

type ModelClass = new (data: ApiObject) => { validate(): void };

/** Module of kubernetes-models for an API version: `apps/v1`, or `v1` of the core. */
const moduleOf = (apiVersion: string): string => `kubernetes-models/${apiVersion}`;

async function missingOrWrong(object: ApiObject): Promise<string[]> {
  const { [object.kind]: Kind } = (await import(moduleOf(object.apiVersion))) as Readonly<Record<string, ModelClass>>;
  if (Kind === undefined) return [`${object.apiVersion} has no kind ${object.kind}`];
  try {
    new Kind(object).validate();
    return [];
  } catch (thrown) {
    return [`${object.kind}: ${(thrown as Error).message}`];
  }
}

/** Errors of the TypeScript compiler for the objects as literals of their types. */
function unknownFields(objects: readonly ApiObject[]): string[] {
  mkdirSync(join(modules, '.cache'), { recursive: true });
  const directory = mkdtempSync(join(modules, '.cache/kubernetes-api-'));
  try {
    const literals = objects.map(
      (object, index) =>
        `export const ${object.kind}${index}: import('${moduleOf(object.apiVersion)}').I${object.kind} = ${JSON.stringify(object)};\n`,
    );
    writeFileSync(join(directory, 'objects.ts'), literals.join(''));
    const options = ['--ignoreConfig', '--noEmit', '--skipLibCheck', '--strict', '--module', 'nodenext'];
    const { stdout } = spawnSync(join(modules, '.bin/tsc'), [...options, 'objects.ts'], {
      cwd: directory,
      encoding: 'utf8',
    });
    return stdout.split('\n').filter((line) => line !== '');
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What Kubernetes would refuse or drop of these objects, a line each. */
export async function apiProblems(objects: readonly ApiObject[]): Promise<readonly string[]> {
  const problems = await Promise.all(objects.map(missingOrWrong));
  return [...problems.flat(), ...unknownFields(objects)];
}
