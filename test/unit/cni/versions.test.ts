import {
  atLeast,
  checkVersion,
  compareVersions,
  formatVersions,
  newestVersion,
  supportedVersions,
} from '../../../src/cni/versions.ts';
import { assert, suite } from '../../support/suite.ts';
import { throws } from '../../support/throws.ts';

const test = suite('cni/versions');

test('orders all versions', () => {
  for (const [left, older] of supportedVersions.entries()) {
    for (const [right, newer] of supportedVersions.entries()) {
      assert.is(Math.sign(compareVersions(older, newer)), Math.sign(left - right), `${older} and ${newer}`);
    }
  }
  assert.ok(compareVersions('0.10.0', '0.9.0') > 0);
  assert.ok(atLeast('1.1.0', '1.1.0'));
  assert.not(atLeast('1.0.0', '1.1.0'));
});

const since = { ADD: '0.1.0', DEL: '0.1.0', VERSION: '0.1.0', CHECK: '0.4.0', STATUS: '1.1.0', GC: '1.1.0' } as const;

test('every verb is there from its first version on, before that code 1', () => {
  for (const [verb, first] of Object.entries(since) as [keyof typeof since, string][]) {
    for (const version of supportedVersions) {
      const check = (): void => checkVersion(verb, version);
      if (compareVersions(version, first) >= 0) check();
      else throws(check, 'incompatibleVersion');
    }
  }
});

test('refuses versions it does not speak, saying which it does', () => {
  for (const version of ['', '1', '1.1', '1.1.1', '2.0.0', '0.5.0', ' 1.0.0', '1.0.0\n', 'x', '1.1.0-rc1', 'NaN']) {
    throws(() => checkVersion('ADD', version), 'incompatibleVersion', JSON.stringify(version), '0.1.0, 0.2.0');
  }
});

test('prints what VERSION answers', () => {
  assert.equal(JSON.parse(formatVersions()), {
    cniVersion: newestVersion,
    supportedVersions: ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'],
  });
});
