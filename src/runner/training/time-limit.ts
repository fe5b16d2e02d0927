/** The end of a training that may only run for so long. */
export interface TimeLimit {
  /** Aborted with the outer signal, or when the time is up. */
  signal: AbortSignal;
  /** Whether it was the time. */
  isUp(): boolean;
  /** Looks at the clock. A timer could not wait for more than 24 days. */
  check(): void;
}

/** @param hours from now on; no limit when undefined */
export function timeLimit(hours: number | undefined, outer: AbortSignal, onUp: () => void): TimeLimit {
  const started = performance.now();
  const limit = new AbortController();
  let isUp = false;
  return {
    signal: AbortSignal.any([outer, limit.signal]),
    isUp: () => isUp,
    check: () => {
      if (hours === undefined || outer.aborted || isUp || performance.now() - started < hours * 3.6e6) return;
      isUp = true;
      onUp();
      limit.abort();
    },
  };
}
