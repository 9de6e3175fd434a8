import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { assert, suite } from '../support/suite.ts';

const test = suite('size');

const native = join(import.meta.dirname, '../../dist/native/dra-sriov');
const name = 'the native executable takes 1.55 MB at most';

if (existsSync(native))
  test(name, () => assert.ok(statSync(native).size <= 1_550_000, `${statSync(native).size} bytes`));
else test.skip(name, 'it could not be built here', { allowedInCi: true });
