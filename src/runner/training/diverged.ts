/** A training whose numbers are not finite any more, and what is done about it. */
import type { TrainingOptions } from '../../graph/options.js';
import { count } from '../base/counted.js';
import { UserError } from '../base/errors.js';
import type { CheckpointMetadata, LeftOut } from '../checkpoints/checkpoint.js';
import type { ModuleFacts, PartKind } from '../modules/kinds.js';
import type { TrainingPlan } from '../options/plan.js';
import { allLeftOut } from './left-out.js';

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

/** The newest checkpoint of a training. */
export interface SavedCheckpoint {
  path: string;
  step: number;
  /** A step with finite numbers was taken from it. Finite parameters alone may be those of a network that gives nothing but NaN. */
  isProven: boolean;
}

/** The best checkpoint, where its file is. */
export type BestCheckpoint = NonNullable<CheckpointMetadata['best']> & { path: string };

/** @param step a network that may be no good */
const earlierBest = (step: number, best: BestCheckpoint | undefined): string =>
  best && best.step < step
    ? ` The best one is of before: ${best.path} (step ${best.step}, Recall@1 ${best.recall.toFixed(4)}).`
    : '';

function keptText(saved: SavedCheckpoint | undefined, best: BestCheckpoint | undefined): string {
  if (!saved) return 'No checkpoint has been written yet.';
  const { path, step, isProven } = saved;
  if (isProven) return `The last good checkpoint is kept: ${path} (step ${step}).`;
  return `The last checkpoint is ${path} (step ${step}), from which no step was taken: it may be no good.${earlierBest(step, best)}`;
}

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
    { saved, best }: { saved?: SavedCheckpoint; best?: BestCheckpoint },
    own: readonly Pick<ModuleFacts, 'kind' | 'path'>[] = [],
  ) {
    const others = Object.entries(rates).map(([name, rate]) => ` or --lr-${name.replaceAll('_', '-')} (now ${rate})`);
    const ofModules = own.map(
      ({ kind, path }) => ` ${named[kind]} may be the cause as well, ${path}: ${causes[kind]}.`,
    );
    const range = precision === 'fp16' ? ` float16 holds numbers up to 65504: --precision fp32 holds more.` : '';
    super(
      `${what}: the training has diverged. ${keptText(saved, best)} Try a lower --lr (now ${lr})${others.join('')}, ` +
        `look for odd images in the data, or try another --seed (now ${seed}).${range}${ofModules.join('')}`,
    );
  }
}

/**
 * What is said at the end of a training whose last steps were all left out.
 *
 * @param leftOut those steps, up to `step`
 * @param isAnyTaken whether there were others before
 */
export function deadEnd(
  { step, leftOut, isAnyTaken, lr }: { step: number; leftOut: LeftOut; isAnyTaken: boolean; lr: number },
  saved: SavedCheckpoint | undefined,
  best: BestCheckpoint | undefined,
): string {
  const all = allLeftOut(leftOut);
  const were = all === 1 ? 'step was' : `${count(all)} steps were`;
  const which = isAnyTaken ? `the last ${were} left out` : 'no step was taken';
  const [why, advice] =
    leftOut.notFinite > 0
      ? ['loss or gradient was not finite', `a lower --lr (now ${lr})`]
      : ['gradients overflowed float16', 'more steps: each of these halves the scale'];
  const kept = saved ? `, in ${saved.path} too` : '';
  return (
    `${which}: ${why}. The network is as after step ${step - all}${kept}, and nothing shows that it still learns.` +
    `${earlierBest(step - all, best)} Try ${advice}.`
  );
}

/** So many steps in a row may be left out (`--nan-policy skip`): then the state itself gives numbers that are not finite. */
export const maxSkippedInARow = 20;

/** So often a training goes back to the same checkpoint (`--nan-policy rollback`). */
export const maxRollbacks = 5;
