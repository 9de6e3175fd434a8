import { registerErrorsTest } from './errors-tests.ts';

registerErrorsTest('DEL');
