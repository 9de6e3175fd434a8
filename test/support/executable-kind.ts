import { statSync } from 'node:fs';

/** Of the native executable a tenth, of the one on Node less than half. */
const limitBytes = 30e6;

/** Whether an executable is the one on Node. */
export function holdsNode(executable: string): boolean {
  return statSync(executable).size > limitBytes;
}
