import { registerKilledTests } from './killed-tests.ts';

registerKilledTests('ADD');
