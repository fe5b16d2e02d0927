/** What of each batch a rank of a training has. */
import { greatestDivisor } from '../../graph/onnx/types.js';
import type { TrainingOptions } from '../../graph/options.js';
import { UserError } from '../base/errors.js';
import type { Ranks } from '../compute/ranks.js';
import type { StepBatch } from '../data/batches.js';

/** Images of a batch that this rank has. @throws UserError when the ranks can't have equal shares */
export function shareOfBatch(
  { rank, size }: Ranks,
  { batchSize, batchK }: Pick<TrainingOptions, 'batchSize' | 'batchK'>,
) {
  if (batchSize % size !== 0) {
    const step = (size * batchK) / greatestDivisor(size, batchK);
    throw new UserError(
      `--batch-size ${batchSize} can't be divided among ${size} ranks: give a multiple of ${step}, ${Math.ceil(batchSize / step) * step} say.`,
    );
  }
  const count = batchSize / size;
  const [begin, end] = [rank * count, (rank + 1) * count];
  return {
    count,
    of: (batch: StepBatch): StepBatch => ({
      ...batch,
      indices: batch.indices.subarray(begin, end),
      flips: batch.flips.subarray(begin, end),
    }),
  };
}
