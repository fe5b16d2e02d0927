/** A model of the sampling alone. */
import { GraphBuilder } from '../builder/builder.js';
import { encodeModel } from '../onnx/schema.js';
import { samplingWeights } from '../samplings/distance-weighted.js';
import type { Reference } from '../samplings/sampling.js';
import { everyRow } from '../samplings/sampling.js';

export interface SamplingOptions {
  batchSize: number;
  embedDim: number;
  batchK: number;
  normalizeWeights: boolean;
}

/** The weights alone, to look at. Input: `embeddings` [batchSize, embedDim]. Output: `weights` [batchSize, batchSize]. */
export function buildSamplingModel({ batchSize, embedDim, batchK, normalizeWeights }: SamplingOptions): Uint8Array {
  const g = new GraphBuilder();
  const embeddings = g.input('embeddings', 'float32', [batchSize, embedDim]);
  const labels = g.constant(
    'int32',
    [batchSize],
    everyRow(batchSize).map(([i]) => Math.floor(i! / batchK)),
  );
  const reference: Reference = { embeddings, labels };
  g.output('weights', samplingWeights(g, { embeddings, labels, batchK, reference }, normalizeWeights));
  return encodeModel(g.model('sampling'));
}
