/** A checkpoint of a network of two parameters, for tests. */
import type { TrainingOptions } from '../../../src/graph/options.js';
import { describeState } from '../../../src/graph/step/describe.js';
import type { NetworkLayout, TrainingState } from '../../../src/graph/state/state.js';
import type { CheckpointMetadata } from '../../../src/runner/checkpoints/checkpoint.js';

const init = { kind: 'constant', value: 0 } as const;

export const smallLayout: NetworkLayout = {
  params: [
    { name: 'conv.weight', shape: [2, 3], init },
    { name: 'dense.bias', shape: [2], init },
  ],
  buffers: [{ name: 'bn.running_mean', shape: [3], init }],
  paramCount: 8,
  bufferCount: 3,
  bodyCount: 0,
  dropoutCount: 0,
};

export function smallMetadata(options: Partial<TrainingOptions> = {}): CheckpointMetadata {
  return {
    epoch: 3,
    epochStep: 0,
    step: 30,
    seed: 42,
    options: {
      model: 'resnet18',
      featDim: 4,
      embedDim: 2,
      imageSize: 64,
      batchSize: 10,
      batchK: 5,
      classes: 2,
      margin: 0.2,
      nu: 0,
      beta: 1.2,
      learnBeta: true,
      normalizeWeights: false,
      dropout: 0,
      freezeBn: false,
      backboneLrMult: 1,
      optimizer: 'adam',
      momentum: 0.9,
      weightDecay: 1e-4,
      provider: 'cpu',
      ...options,
    },
    runOptions: { lr: 3e-4, steps: [20, 40] },
    best: { step: 20, recall: 0.5 },
  };
}

/** Every value of the state is its place in the file plus `offset`. */
export function smallCheckpoint({
  options = {},
  offset = 0,
}: { options?: Partial<TrainingOptions>; offset?: number } = {}): {
  layout: NetworkLayout;
  state: TrainingState;
  metadata: CheckpointMetadata;
} {
  const metadata = smallMetadata(options);
  const state: TrainingState = {};
  let next = offset;
  for (const { name, shape } of describeState(metadata.options, smallLayout)) {
    state[name] = Float32Array.from({ length: shape[0] ?? 1 }, () => next++);
  }
  return { layout: smallLayout, state, metadata };
}
