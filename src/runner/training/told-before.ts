/** What options of a training's graphs mean that is not what one would think, told before it begins. */
import type { TrainingOptions } from '../../graph/options.js';
import type { NetworkLayout } from '../../graph/state/state.js';

/** Processes of a training. */
interface Ranks {
  size: number;
  syncEvery?: number;
}

type Meaning = (training: TrainingOptions, layout: NetworkLayout, ranks: Ranks) => string | undefined;

const halvesOnTheCpu: Meaning = ({ precision, provider }) =>
  precision === 'fp16' && provider === 'cpu'
    ? "--precision fp16 on the CPU goes through float32: it is slower than --precision fp32, and for trying out what a GPU's will do"
    : undefined;

const statisticsOfPieces: Meaning = (
  { batchSize, microBatch = batchSize, freezeBn },
  { fewestNormalized },
  { size },
) => {
  const share = batchSize / size;
  if (Math.min(microBatch, share) === batchSize || freezeBn || fewestNormalized === undefined) return undefined;
  const [of, one] =
    microBatch < share
      ? [`--micro-batch ${microBatch} images at a time`, 'the whole batch']
      : [`each rank's ${share} images`, 'one process'];
  return (
    `batch normalization takes the statistics of ${of}, not of all ${batchSize}, and renews the running ones ` +
    `by their mean; with --freeze-bn the numbers are those of ${one}`
  );
};

const ownBatches: Meaning = ({ batchSize }, _, { size, syncEvery }) =>
  syncEvery === undefined
    ? undefined
    : `each rank trains on its own ${batchSize / size} images of a batch, with negatives from among them, and the ranks average what they have learned ` +
      `${syncEvery === 1 ? 'after every step' : `every ${syncEvery} steps`}; what is told are means over the ranks`;

/** A line each. */
export const toldBefore = (training: TrainingOptions, layout: NetworkLayout, ranks: Ranks = { size: 1 }): string[] =>
  [halvesOnTheCpu, statisticsOfPieces, ownBatches]
    .map((meaning) => meaning(training, layout, ranks))
    .filter((line) => line !== undefined);
