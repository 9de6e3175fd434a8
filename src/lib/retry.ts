/** The part of the platform that a retry needs. */
export interface Clock {
  monotonicMs(): number;
  sleepMs(ms: number): void;
}

export interface RetryLimits {
  readonly timeoutMs: number;
  /** Pause after the first failure; doubled each time up to `maxPauseMs`. */
  readonly firstPauseMs: number;
  readonly maxPauseMs: number;
}

/** So many attempts are made though time is up: the machine may have stood still, and what is waited for with it. */
const leastAttempts = 3;

/** Calls `attempt` until it doesn't throw a retryable error or time is up; then throws the last error. */
export function retry<T>(
  clock: Clock,
  limits: RetryLimits,
  isRetryable: (thrown: unknown) => boolean,
  attempt: () => T,
): T {
  const deadlineMs = clock.monotonicMs() + limits.timeoutMs;
  let pauseMs = limits.firstPauseMs;
  let pausesMs = 0;
  for (let attempts = 1; ; attempts++) {
    try {
      return attempt();
    } catch (thrown) {
      pausesMs += pauseMs;
      const isLate = attempts >= leastAttempts && clock.monotonicMs() + pauseMs > deadlineMs;
      if (isLate || pausesMs > limits.timeoutMs || !isRetryable(thrown)) throw thrown;
      clock.sleepMs(pauseMs);
      pauseMs = Math.min(pauseMs * 2, limits.maxPauseMs);
    }
  }
}

/** Calls `check` until it is true or time is up; tells whether it became true. */
export function poll(clock: Clock, limits: RetryLimits, check: () => boolean): boolean {
  const notYet = new Error('not yet');
  try {
    retry(
      clock,
      limits,
      (thrown) => thrown === notYet,
      () => {
        if (!check()) throw notYet;
      },
    );
    return true;
  } catch (thrown) {
    if (thrown !== notYet) throw thrown;
    return false;
  }
}
