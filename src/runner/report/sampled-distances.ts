/** Which distances the sampling of negatives draws from a network's batches, by the graph that the training runs. */
import type { TrainingOptions } from '../../graph/options.js';
import type { ComputeThread } from '../compute/thread.js';
import type { Bins } from './histogram.js';
import { Histogram } from './histogram.js';

export interface SampledDistances {
  /** Of all pairs of different classes in the batches. */
  all: Histogram;
  /** Of the pairs that are drawn: each counts as often as it is drawn on average. */
  drawn: Histogram;
}

function addPairs(
  { all, drawn }: SampledDistances,
  embeddings: Float32Array,
  weights: Float32Array,
  { batchSize: n, embedDim: dim, batchK }: TrainingOptions,
): void {
  for (let i = 0; i < n; i++) {
    const row = weights.subarray(i * n, (i + 1) * n);
    const total = row.reduce((sum, weight) => sum + weight, 0);
    for (let j = 0; j < n; j++) {
      if (Math.floor(i / batchK) === Math.floor(j / batchK)) continue;
      let squared = 0;
      for (let k = 0; k < dim; k++) squared += (embeddings[i * dim + k]! - embeddings[j * dim + k]!) ** 2;
      const distance = Math.sqrt(squared);
      all.add(distance);
      drawn.add(distance, ((batchK - 1) * row[j]!) / total);
    }
  }
}

/**
 * The expected counts of each anchor's batchK - 1 draws, exactly: no random number is taken.
 *
 * @param embeddings [batches * batchSize, embedDim], L2-normalized, each batch as the training lays it out
 */
export async function sampledDistances(
  thread: ComputeThread,
  embeddings: Float32Array,
  options: TrainingOptions,
  bins: Bins,
): Promise<SampledDistances> {
  const { batchSize, embedDim, batchK, normalizeWeights } = options;
  const found = { all: new Histogram(bins), drawn: new Histogram(bins) };
  await thread.open('sampling', { batchSize, embedDim, batchK, normalizeWeights });
  try {
    const each = batchSize * embedDim;
    for (let first = 0; first < embeddings.length; first += each) {
      const batch = embeddings.slice(first, first + each);
      const { outputs } = await thread.run('sampling', { embeddings: { data: batch, dims: [batchSize, embedDim] } });
      addPairs(found, batch, outputs['weights']!.data as Float32Array, options);
    }
  } finally {
    await thread.release('sampling');
  }
  return found;
}
