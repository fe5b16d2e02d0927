/** How many steps one call of ONNX Runtime takes: about a second of them, so that progress moves and Ctrl-C is answered. */

const targetSeconds = 1;
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
   * @param fixed number of steps, if it is not to be chosen
   */
  constructor(
    bytesPerStep: number,
    private readonly fixed?: number,
  ) {
    this.limit = Math.max(1, Math.floor(maxBytes / bytesPerStep));
  }

  /** Steps that the next run should hold, at least 1. */
  next(): number {
    if (this.fixed !== undefined) return this.fixed;
    const wanted = Math.floor(targetSeconds / this.stepSeconds);
    return Math.max(1, Math.min(wanted, this.limit, growth * this.longest));
  }

  /** Tells how long a run took. */
  measured(steps: number, seconds: number): void {
    this.longest = Math.max(this.longest, steps);
    this.stepSeconds = seconds / steps;
  }
}
