import { registerErrorsTest } from './errors-tests.ts';

registerErrorsTest('ADD');
