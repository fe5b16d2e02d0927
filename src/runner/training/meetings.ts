/** When ranks that train apart (`--sync-every`) meet, and what they have done until then, as one run. */
import type { RunResult } from '../compute/compute.js';
import type { PlainTensors } from '../compute/engine.js';
import type { ComputeThread } from '../compute/thread.js';
import type { TrainingRun } from '../data/prefetch.js';

/** Steps that are done, of one epoch. */
export interface TakenSteps extends Pick<TrainingRun, 'epoch' | 'step' | 'steps' | 'dataSeconds'>, RunResult {}

export class Meetings {
  private runs: PlainTensors[] = [];
  private before: TakenSteps | undefined;

  /** @param every so many steps of an epoch, and at its end; undefined where there are no meetings */
  constructor(
    private readonly thread: Pick<ComputeThread, 'meet'>,
    private readonly every: number | undefined,
    private readonly stepsPerEpoch: number,
  ) {}

  /** Whether the state is not that of all ranks. */
  get isApart(): boolean {
    return this.before !== undefined;
  }

  /** Steps from one of an epoch to the next meeting. */
  stepsFrom(step: number): number {
    return this.every === undefined ? Infinity : this.every - (step % this.every);
  }

  /**
   * To be called after each run.
   *
   * @returns all steps since the ranks last met, as means over the ranks; undefined where they go on apart
   */
  async after(run: TrainingRun, { outputs, seconds }: RunResult): Promise<TakenSteps | undefined> {
    const { epoch, step, steps, dataSeconds } = run;
    const own: TakenSteps = { epoch, step, steps, dataSeconds, outputs, seconds };
    if (this.every === undefined) return own;
    const { before } = this;
    this.runs.push(outputs);
    this.before = before
      ? {
          ...before,
          steps: before.steps + steps,
          dataSeconds: before.dataSeconds + dataSeconds,
          seconds: before.seconds + seconds,
        }
      : own;
    const end = step + steps;
    if (end % this.every !== 0 && end !== this.stepsPerEpoch) return undefined;
    const met = await this.thread.meet(this.runs);
    const taken = { ...this.before, outputs: met.outputs, seconds: this.before.seconds + met.seconds };
    this.runs = [];
    this.before = undefined;
    return taken;
  }
}
