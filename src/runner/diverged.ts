/** A training whose numbers are not finite any more, and what is done about it. */
import { UserError } from './errors.js';
import type { RunOptions } from './run-options.js';

/** A loss, the state or the embeddings are not finite. */
export class DivergedError extends UserError {
  /** @param what names the numbers and the step: `the loss of step 8 (epoch 3) is NaN` */
  constructor(
    readonly what: string,
    { lr, lrBeta, seed }: Pick<RunOptions, 'lr' | 'lrBeta' | 'seed'>,
    saved: { path: string; step: number } | undefined,
  ) {
    const kept = saved
      ? `The last good checkpoint is kept: ${saved.path} (step ${saved.step}).`
      : 'No checkpoint has been written yet.';
    super(
      `${what}: the training has diverged. ${kept} Try a lower --lr (now ${lr}) or --lr-beta (now ${lrBeta}), ` +
        `look for odd images in the data, or try another --seed (now ${seed}).`,
    );
  }
}

/** So many steps in a row may be left out (`--nan-policy skip`): then the state itself gives numbers that are not finite. */
export const maxSkippedInARow = 20;

/** So often a training goes back to the same checkpoint (`--nan-policy rollback`). */
export const maxRollbacks = 5;
