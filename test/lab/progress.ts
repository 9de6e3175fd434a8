import process from 'node:process';

/** Tells a person about one step of a longer work. */
export type Progress = (line: string) => void;

export const reportToStderr: Progress = (line) => {
  process.stderr.write(`lab: ${line}\n`);
};

export function elapsed(beginMs: number): string {
  return `${((performance.now() - beginMs) / 1000).toFixed(1)} s`;
}
