/** The training that benchmarks time: the paper's settings on made-up data. */
import * as ort from 'onnxruntime-node';
import { describeNetwork, describeState, initialState } from '../src/graph/step/describe.js';
import type { TrainingOptions } from '../src/graph/options.js';

type Chosen = 'model' | 'imageSize' | 'batchSize' | 'batchK' | 'classes' | 'optimizer' | 'provider';

export const benchOptions = (chosen: Pick<TrainingOptions, Chosen>): TrainingOptions => ({
  ...chosen,
  featDim: 512,
  embedDim: 128,
  margin: 0.2,
  nu: 0,
  beta: 1.2,
  learnBeta: true,
  normalizeWeights: false,
  dropout: 0.5,
  freezeBn: false,
  backboneLrMult: 1,
  momentum: 0.9,
  weightDecay: 1e-4,
});

/** The state that a training with seed 0 begins with, as feeds of its graphs. */
export function initialFeeds(options: TrainingOptions): Record<string, ort.Tensor> {
  const layout = describeNetwork(options);
  const initial = initialState(options, 0, layout);
  const shapes = describeState(options, layout);
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, new ort.Tensor('float32', initial[name]!, shape)]));
}
