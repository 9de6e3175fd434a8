/** Calls `body`, and `clean` when that throws or returns, or when the promise that it returns is settled. */
export function cleaningUp<T>(body: () => T, clean: () => void): T {
  let result: T;
  try {
    result = body();
  } catch (thrown) {
    clean();
    throw thrown;
  }
  if (result instanceof Promise) return result.finally(clean) as T;
  clean();
  return result;
}
