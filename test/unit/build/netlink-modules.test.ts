import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asEsModule } from '../../../scripts/build/netlink-modules.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('build/netlink-modules');
const dist = join(import.meta.dirname, '../../../node_modules/netlink/dist');

function converted(path: string): string {
  return asEsModule(readFileSync(join(dist, path), 'utf8'), path);
}

async function load(path: string): Promise<Record<string, unknown>> {
  const source = converted(path)
    .replace('from "os"', 'from "node:os"')
    .replace('from "../structs.js"', `from "file://${dist}/structs.js"`);
  return (await import(`data:text/javascript,${encodeURIComponent(source)}`)) as Record<string, unknown>;
}

test('the ES modules export what the CommonJS files do, and encode alike', async () => {
  for (const path of ['structs.js', 'rt/gen_structs.js', 'rt/ifla.js']) {
    const original = (await import(join(dist, path))) as { readonly default: Record<string, unknown> };
    const module = await load(path);
    assert.equal(Object.keys(module).sort(), Object.keys(original.default).sort(), path);
  }
  const format = async (module: unknown): Promise<unknown> =>
    (module as { formatLink(link: object): Uint8Array }).formatLink({ index: 7 });
  assert.equal(
    await format(await load('rt/gen_structs.js')),
    await format(await import(join(dist, 'rt/gen_structs.js'))),
  );
});

test('enumerations are values that a bundler may leave out', () => {
  assert.match(converted('rt/ifla.js'), /export const BridgeState = \/\* @__PURE__ \*\/ \(function/);
});

test('a form that is not known is refused', () => {
  throws(() => asEsModule('module.exports.a = require("b");', 'a.js'), 'Error', 'a.js');
});
