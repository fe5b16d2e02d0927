/** Steps whose update is left out: why, how many, and what is said of them. */
import { scaling } from '../../graph/parts/state.js';
import type { LeftOut } from '../checkpoints/checkpoint.js';

export const noneLeftOut: LeftOut = { overflow: 0, notFinite: 0 };

export const allLeftOut = ({ overflow, notFinite }: LeftOut): number => overflow + notFinite;

/** Of a step that was left out. What a smaller scale mends is no fault of the training: a finite loss, and a scale that can still fall. */
export const reasonOf = ({ loss, lossScale = 1 }: { loss: number | null; lossScale?: number }): keyof LeftOut =>
  Number.isFinite(loss) && lossScale > 1 ? 'overflow' : 'notFinite';

interface Step {
  loss: number;
  lossScale?: number;
  leftOut?: keyof LeftOut;
}

/** What is said of a step that is left out. */
export function leftOutText({ loss, lossScale, leftOut }: Step): string {
  if (leftOut === 'overflow') {
    const next = lossScale! * scaling.backoff;
    return `its gradient, scaled by ${lossScale}, overflows float16; by ${next} from now on`;
  }
  if (!Number.isFinite(loss)) return `its loss is ${loss} (--nan-policy skip)`;
  return `its gradient is not finite${lossScale === undefined ? ' (--nan-policy skip)' : `, scaled by ${lossScale}`}`;
}

/** Counts them, from step to step. */
export class LeftOutSteps {
  /** Since the last step that was taken. */
  last = noneLeftOut;
  /** Whether a step was taken in this process. */
  isAnyTaken = false;

  /** @param all since the training began */
  constructor(public all: LeftOut) {}

  add({ leftOut }: Step): void {
    if (leftOut === undefined) {
      this.isAnyTaken = true;
      this.last = noneLeftOut;
      return;
    }
    const oneMore = (counts: LeftOut): LeftOut => ({ ...counts, [leftOut]: counts[leftOut] + 1 });
    this.all = oneMore(this.all);
    this.last = oneMore(this.last);
  }

  /** The training has gone back to a checkpoint. @param all as that tells */
  goBack(all: LeftOut): void {
    this.all = all;
    this.last = noneLeftOut;
  }
}
