/** What a network's options come to, with errors that name the option as the command line does. */
import { PartError } from '../../graph/declarations.js';
import type { NetworkOptions, TrainingOptions } from '../../graph/options.js';
import { describeNetwork } from '../../graph/step/describe.js';
import { lastPieceSize } from '../../graph/step/piece.js';
import type { Definitions } from '../../graph/parts/parts.js';
import type { NetworkLayout } from '../../graph/state/state.js';
import { UserError } from '../base/errors.js';

const defaultDropout = 0.5;

/** The probability of dropout: torchvision's 0.5 unless given; 0 for a model without. @throws UserError for one given to such */
export function resolveDropout(
  { model, dropout }: { model: string; dropout?: number },
  { dropoutCount }: NetworkLayout,
): number {
  if (dropoutCount > 0) return dropout ?? defaultDropout;
  if (dropout) throw new UserError(`--dropout ${dropout}: ${model} has no dropout. Leave the option out.`);
  return 0;
}

/** @throws UserError where a piece of the batch leaves batch normalization a single value, of which nothing is left but the bias */
export function requireStatistics(
  { batchSize, microBatch = batchSize, freezeBn }: Pick<TrainingOptions, 'batchSize' | 'microBatch' | 'freezeBn'>,
  { fewestNormalized }: NetworkLayout,
  ranks = 1,
): void {
  const share = batchSize / ranks;
  const images = lastPieceSize(share, Math.min(microBatch, share));
  if (freezeBn || fewestNormalized === undefined || images * fewestNormalized > 1) return;
  const whole = ranks === 1 ? `--batch-size ${batchSize}` : `a rank's ${share} images`;
  const last = microBatch > 1 ? `, whose last piece of ${whole} has 1 image` : '';
  const [piece, other] =
    share > 1
      ? [`--micro-batch ${microBatch}${last}`, '--micro-batch']
      : [`--batch-size ${batchSize} on ${ranks} ranks, 1 image each`, '--batch-size'];
  throw new UserError(
    `${piece}: batch normalization has a single value a channel in it, and statistics of one value leave nothing of it. ` +
      `Give another ${other}, a larger --image-size, or --freeze-bn.`,
  );
}

/** `describeNetwork`. @throws UserError when the image size does not fit the model; PartError where a module brings the backbone */
export function requireLayout(network: NetworkOptions, definitions: Definitions = {}): NetworkLayout {
  try {
    return describeNetwork(network, definitions);
  } catch (error) {
    const { message } = error as Error;
    const { backbone } = definitions;
    // What a backbone of somebody's own has thrown says where it went wrong.
    if (backbone && error instanceof PartError) throw error;
    const said = `can't take --image-size ${network.imageSize}: ${message}`;
    if (backbone) throw new PartError('backbone', `the backbone ${backbone.name} ${said}`);
    throw new UserError(`--model ${network.model} ${said}`, { cause: error });
  }
}
