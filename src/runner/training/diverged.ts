/** A training whose numbers are not finite any more, and what is done about it. */
import type { TrainingOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import type { ModuleFacts, PartKind } from '../modules/kinds.js';
import type { TrainingPlan } from '../options/plan.js';

/** What of a module makes numbers that are not finite, and what helps. */
const causes: Record<PartKind, string> = {
  loss:
    'roots and logarithms at 0 have an infinite gradient, and infinite times 0 is NaN, even behind a mask: put Max with a ' +
    'small number first (docs/loss.md, Traps)',
  optimizer:
    'roots of what is below 0, and divisions by an average that begins at 0, are not finite: put Max with a small number ' +
    'first, or add one, as adamAverages does (docs/optimizer.md)',
  sampling: 'weights that are not finite make such a loss (docs/sampling.md)',
  backbone:
    'without normalization, or with other first values, activations can grow from layer to layer (docs/backbone.md)',
};

const named: Record<PartKind, string> = {
  loss: "A loss of one's own",
  optimizer: "An optimizer of one's own",
  sampling: "A sampling of one's own",
  backbone: "A backbone of one's own",
};

/** A loss, the state or the embeddings are not finite. */
export class DivergedError extends UserError {
  /**
   * @param what names the numbers and the step: `the loss of step 8 (epoch 3) is NaN`
   * @param own the modules of the training
   */
  constructor(
    readonly what: string,
    { lr, seed, precision }: Pick<TrainingPlan['schedule'], 'lr' | 'seed'> & Pick<TrainingOptions, 'precision'>,
    rates: Readonly<Record<string, number>>,
    saved: { path: string; step: number } | undefined,
    own: readonly Pick<ModuleFacts, 'kind' | 'path'>[] = [],
  ) {
    const kept = saved
      ? `The last good checkpoint is kept: ${saved.path} (step ${saved.step}).`
      : 'No checkpoint has been written yet.';
    const others = Object.entries(rates).map(([name, rate]) => ` or --lr-${name.replaceAll('_', '-')} (now ${rate})`);
    const ofModules = own.map(
      ({ kind, path }) => ` ${named[kind]} may be the cause as well, ${path}: ${causes[kind]}.`,
    );
    const range = precision === 'fp16' ? ` float16 holds numbers up to 65504: --precision fp32 holds more.` : '';
    super(
      `${what}: the training has diverged. ${kept} Try a lower --lr (now ${lr})${others.join('')}, ` +
        `look for odd images in the data, or try another --seed (now ${seed}).${range}${ofModules.join('')}`,
    );
  }
}

/** So many steps in a row may be left out (`--nan-policy skip`): then the state itself gives numbers that are not finite. */
export const maxSkippedInARow = 20;

/** So often a training goes back to the same checkpoint (`--nan-policy rollback`). */
export const maxRollbacks = 5;
