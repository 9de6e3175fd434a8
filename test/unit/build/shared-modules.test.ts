import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { borrowFrom, findSharedModules, lendingEntry, readImports } from '../../../scripts/build/shared-modules.ts';
import { assert, suite } from '../../support/suite.ts';
import { withTemporaryDirectory } from '../../support/temporary-directory.ts';
import { throws } from '../../support/throws.ts';

const test = suite('build/shared-modules');

const sources: Readonly<Record<string, string>> = {
  'src/lender.ts': "import { one } from './both.ts';\nexport const run = (): string => one();",
  'src/both.ts':
    "import { deep } from './deep.ts';\nexport const one = (): string => deep;\nexport const two = (): string => 'two';\nexport const three = 3;",
  'src/deep.ts': "export const deep = 'one';",
  'src/borrower.ts':
    "import { two, type Two } from './both.ts';\nimport { deep } from './deep.ts';\nimport { own } from './own.ts';\nexport type { Two };\nexport const all = [two(), deep, own];",
  'src/own.ts': "export const own = 'own';",
};

async function inProject(body: (root: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (root) => {
    mkdirSync(join(root, 'src'));
    for (const [path, text] of Object.entries(sources)) writeFileSync(join(root, path), text);
    await body(root);
  });
}

const optionsOf = (root: string) => ({ absWorkingDir: root, bundle: true, format: 'esm', write: false }) as const;

test('what the borrower imports of the lender’s modules, and nothing else', async () => {
  await inProject(async (root) => {
    const part = (name: string) => ({ ...optionsOf(root), entryPoints: [`src/${name}.ts`] });
    assert.equal(await findSharedModules(root, part('lender'), part('borrower')), [
      { path: 'src/both.ts', names: ['two'] },
      { path: 'src/deep.ts', names: ['deep'] },
    ]);
  });
});

test('the borrower gets them from the lender’s part, which is loaded once', async () => {
  await inProject(async (root) => {
    const part = (name: string) => ({ ...optionsOf(root), entryPoints: [`src/${name}.ts`] });
    const shared = await findSharedModules(root, part('lender'), part('borrower'));
    const stdin = { contents: lendingEntry('src/lender.ts', shared), resolveDir: root };
    const lender = await build({ ...optionsOf(root), stdin });
    const borrower = await build({ ...part('borrower'), plugins: [borrowFrom(root, 'lender', shared)] });
    const [lent = '', borrowed = ''] = [lender, borrower].map(({ outputFiles }) => outputFiles[0]?.text);
    assert.not.match(borrowed, "'two'");
    assert.not.match(lent, 'three');
    const load = async (source: string): Promise<Record<string, unknown>> =>
      (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Record<string, unknown>;
    let loads = 0;
    const lenderPart = await load(lent);
    Object.assign(globalThis, { __host: { loadPart: () => ++loads > 0 && lenderPart } });
    assert.equal((await load(borrowed))['all'], ['two', 'one', 'own']);
    assert.is(loads, 1);
    assert.is((lenderPart['run'] as () => string)(), 'one');
  });
});

test('named imports as esbuild writes them; no others can be shared', () => {
  const source = 'import {\n  a,\n  b as c\n} from "src/x.ts";\nimport { a as d, e } from "src/x.ts";\nvar x = 1;\n';
  assert.equal([...readImports(source)], [['src/x.ts', ['a', 'b', 'e']]]);
  for (const clause of ['* as x', 'x', 'x, { y }']) {
    throws(() => readImports(`import ${clause} from "src/x.ts";\n`), 'Error', 'src/x.ts');
  }
});
