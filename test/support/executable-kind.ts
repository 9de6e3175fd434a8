import { statSync } from 'node:fs';

/** Far above the size of the native executable, and far below that of the one on Node. */
const limitBytes = 30e6;

/** Whether an executable is the one on Node. */
export function holdsNode(executable: string): boolean {
  return statSync(executable).size > limitBytes;
}
