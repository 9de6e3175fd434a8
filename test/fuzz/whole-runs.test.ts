import { fuzz } from './run-target.ts';
import { wholeRuns } from './whole-runs.ts';

fuzz('fuzz/whole-runs', wholeRuns);
