/** How long a training will go on. */
import type { TrainEvent } from '../runner/training/events.js';

type Steps = Extract<TrainEvent, { kind: 'steps' }>;

/** How much of a measurement goes into the average, per second that it took. */
const adaptation = 0.05;

export class TimeLeft {
  private stepSeconds: number | undefined;
  private evalSeconds = 0;

  steps({ stepSeconds, dataSeconds, stepsPerRun }: Steps): void {
    const seconds = stepSeconds + dataSeconds;
    const share = Math.min(1, adaptation * seconds * stepsPerRun);
    this.stepSeconds =
      this.stepSeconds === undefined ? seconds : this.stepSeconds + share * (seconds - this.stepSeconds);
  }

  evaluated(seconds: number): void {
    this.evalSeconds = seconds;
  }

  /** Seconds from after these steps to the end of the last epoch, its evaluation included. */
  after({ epoch, stepsDone, stepsPerEpoch }: Steps, epochs: number): number {
    const stepsLeft = (epochs - epoch) * stepsPerEpoch - stepsDone;
    return stepsLeft * (this.stepSeconds ?? 0) + (epochs - epoch) * this.evalSeconds;
  }
}
