/** What of each batch a rank of a training has. */
import { greatestDivisor } from '../../graph/onnx/types.js';
import type { TrainingOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import type { Ranks } from '../compute/ranks.js';
import type { StepBatch } from '../data/batches.js';

/** What a rank has of a batch that all of them divide. */
export interface Share {
  /** Images. */
  count: number;
  /** Whether a rank's images are a batch of their own, until it meets the others (`--sync-every`). */
  isApart: boolean;
  of: (batch: StepBatch) => StepBatch;
}

type BatchShape = Pick<TrainingOptions, 'batchSize' | 'batchK'>;

/** @throws UserError naming a batch that can be divided */
function requireDivisible(size: number, { batchSize, batchK }: BatchShape, isApart: boolean): void {
  // Of a batch of its own, two classes at least.
  const [step, least] = isApart
    ? [size * batchK, 2 * size * batchK]
    : [(size * batchK) / greatestDivisor(size, batchK), 0];
  if (batchSize % (isApart ? step : size) === 0 && batchSize >= least) return;
  const wanted = Math.max(least, Math.ceil(batchSize / step) * step);
  throw new UserError(
    isApart
      ? `--batch-size ${batchSize} on ${size} ranks with --sync-every: the images of a rank are a batch of their own, of two classes or more with ` +
          `--batch-k ${batchK} images each. Give a multiple of ${step}, ${wanted} say.`
      : `--batch-size ${batchSize} can't be divided among ${size} ranks: give a multiple of ${step}, ${wanted} say.`,
  );
}

/**
 * This rank's share of each batch: the images in its places of the whole one. Of random numbers, ranks that train together each have all;
 * those that train apart have a stretch each of what the step's streams give, one after another.
 *
 * @throws UserError when the ranks can't have equal shares
 */
export function shareOfBatch({ rank, size }: Pick<Ranks, 'rank' | 'size'>, shape: BatchShape, isApart: boolean): Share {
  requireDivisible(size, shape, isApart);
  const count = shape.batchSize / size;
  const own = <T extends Int32Array | Uint8Array | Float32Array>(all: T): T => {
    const length = all.length / size;
    return all.subarray(rank * length, (rank + 1) * length) as T;
  };
  return {
    ...{ count, isApart },
    of: ({ indices, flips, labels, uniforms, dropout }) => ({
      ...{ indices: own(indices), flips: own(flips) },
      ...(isApart
        ? { labels: own(labels), uniforms: own(uniforms), dropout: own(dropout) }
        : { labels, uniforms, dropout }),
    }),
  };
}
