/** Median and middle half of the values of several runs. */
export interface Spread {
  readonly min: number;
  readonly median: number;
  /** First and third quartile: the middle half of the runs lies between them. */
  readonly q1: number;
  readonly q3: number;
}

/** The value below which this share of the sorted values lies, interpolated. */
function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below + (above - below) * (position - Math.floor(position));
}

/** Throws RangeError where there are no values. */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('no values');
  const sorted = [...values].sort((one, other) => one - other);
  return {
    min: quantile(sorted, 0),
    median: quantile(sorted, 0.5),
    q1: quantile(sorted, 0.25),
    q3: quantile(sorted, 0.75),
  };
}

/** The ratio in each run of two things that ran in turn: a disturbance longer than a run disturbs both. */
export function ratiosOf(ones: readonly number[], others: readonly number[]): Spread {
  if (ones.length !== others.length) throw new RangeError(`${ones.length} runs and ${others.length}`);
  return spreadOf(ones.map((one, index) => one / (others[index] as number)));
}
