/** How many steps one call of ONNX Runtime takes: about a second of them, so that progress moves and Ctrl-C is answered. */
import type { EngineName } from '../compute/engine.js';
import type { DeviceOptions } from '../options/run-options.js';

/** Through the binding, the state goes to a device and back in every call, which more steps share. */
export const secondsOfRuns = (device: DeviceOptions['device'], engine: EngineName): number =>
  device !== 'cpu' && engine === 'binding' ? 4 : 1;

/** Of a number that somebody has chosen: a longer call would leave Ctrl-C unanswered. */
const longestSeconds = 10;
/** So many of them are taken before it is known how long a step takes. */
const unmeasured = 64;
/** Images of three runs are in memory at a time: the current one's and two that are decoded ahead. */
const maxBytes = 256 * 2 ** 20;
/** A run may hold this many times the steps of the longest one measured. */
const growth = 4;

export class StepsPerRun {
  private readonly limit: number;
  private longest = 0;
  private stepSeconds = Infinity;

  /**
   * @param bytesPerStep size of a step's images
   * @param targetSeconds that a run should take
   * @param most number of steps, if it is not to be chosen: as many of them as fit into the memory and into ten seconds
   */
  constructor(
    bytesPerStep: number,
    private readonly targetSeconds: number,
    private readonly most?: number,
  ) {
    this.limit = Math.max(1, Math.floor(maxBytes / bytesPerStep));
  }

  /** Steps that the next run should hold, at least 1. */
  next(): number {
    const { most, limit, longest, stepSeconds } = this;
    if (most !== undefined) {
      const answered = longest === 0 ? unmeasured : Math.max(1, Math.floor(longestSeconds / stepSeconds));
      return Math.min(most, limit, answered);
    }
    const wanted = Math.floor(this.targetSeconds / stepSeconds);
    return Math.max(1, Math.min(wanted, limit, growth * longest));
  }

  /** Tells how long a run took. */
  measured(steps: number, seconds: number): void {
    this.longest = Math.max(this.longest, steps);
    this.stepSeconds = seconds / steps;
  }
}
