/** The training that benchmarks time: the paper's settings on made-up data. */
import { dropoutBytes } from '../src/graph/artifacts/artifacts.js';
import { describeNetwork, describeState, initialState } from '../src/graph/step/describe.js';
import type { TrainingOptions } from '../src/graph/options.js';
import type { Definitions } from '../src/graph/parts/parts.js';
import type { Philox } from '../src/graph/state/philox.js';
import type { PlainTensors } from '../src/runner/compute/engine.js';

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
export function initialFeeds(options: TrainingOptions, definitions: Definitions = {}): PlainTensors {
  const layout = describeNetwork(options, definitions);
  const initial = initialState(options, 0, layout, definitions);
  const shapes = describeState(options, layout, definitions);
  return Object.fromEntries(shapes.map(({ name, shape }) => [name, { data: initial[name]!, dims: shape }]));
}

/** What steps are given, images, labels and rates, made up. */
export function madeUpSteps(
  options: TrainingOptions,
  steps: number,
  random: Philox,
  definitions: Definitions = {},
): PlainTensors {
  const { batchSize, batchK, imageSize } = options;
  const float = (dims: number[], fill: (array: Float32Array) => Float32Array) => ({
    data: fill(new Float32Array(dims.reduce((a, b) => a * b, 1))),
    dims,
  });
  const bytes = steps * batchSize * imageSize * imageSize * 3;
  const pixels = new Uint32Array(Math.ceil(bytes / 4)).map(() => random.uint32());
  const labels = Int32Array.from({ length: steps * batchSize }, (_, i) => Math.floor((i % batchSize) / batchK));
  const dropped = dropoutBytes(describeNetwork(options, definitions), options);
  return {
    images: { data: new Uint8Array(pixels.buffer, 0, bytes), dims: [steps, batchSize, imageSize, imageSize, 3] },
    labels: { data: labels, dims: [steps, batchSize] },
    uniforms: float([steps, batchSize, batchK - 1], (array) => random.fillUnit(array)),
    ...(dropped > 0 && {
      dropout: { data: random.fillBytes(new Uint8Array(steps * dropped)), dims: [steps, dropped] },
    }),
    lr: float([steps], (array) => array.fill(1e-3)),
    lr_beta: float([steps], (array) => array.fill(0.1)),
  };
}
