/** What options of a training's graphs mean that is not what one would think, told before it begins. */
import type { TrainingOptions } from '../../graph/options.js';
import type { NetworkLayout } from '../../graph/state/state.js';
import { piecesOf } from '../../graph/step/piece.js';

type Meaning = (training: TrainingOptions, layout: NetworkLayout) => string | undefined;

const halvesOnTheCpu: Meaning = ({ precision, provider }) =>
  precision === 'fp16' && provider === 'cpu'
    ? "--precision fp16 on the CPU goes through float32: it is slower than --precision fp32, and for trying out what a GPU's will do"
    : undefined;

const statisticsOfPieces: Meaning = (training, { bufferCount }) => {
  const { microBatch } = piecesOf(training);
  if (microBatch === undefined || training.freezeBn || bufferCount === 0) return undefined;
  return (
    `batch normalization takes the statistics of --micro-batch ${microBatch} images at a time, not of all ${training.batchSize}, and renews the running ones ` +
    'by their mean; with --freeze-bn the numbers are those of the whole batch'
  );
};

/** A line each. */
export const toldBefore = (training: TrainingOptions, layout: NetworkLayout): string[] =>
  [halvesOnTheCpu, statisticsOfPieces].map((meaning) => meaning(training, layout)).filter((line) => line !== undefined);
