/** SHA-256 of the emitted models, for one set of options: what tells whether a version builds the graphs of another. */
import { createHash } from 'node:crypto';
import {
  buildEvalModel,
  buildOptimizerModel,
  buildTrainingModel,
  buildTrainLoop,
} from '../../src/graph/artifacts/artifacts.js';
import { backbones } from '../../src/graph/models/index.js';
import type { OptimizerName, TrainingOptions } from '../../src/graph/options.js';
import { benchOptions } from '../training.js';

/** `MODEL OPTIMIZER FILE` -> SHA-256 */
export type Hashes = Record<string, string>;

const optionsOf = (model: string, optimizer: OptimizerName): TrainingOptions =>
  benchOptions({
    model,
    optimizer,
    // Inception's smallest is above 64.
    imageSize: model === 'inception_v3' ? 96 : 64,
    batchSize: 10,
    batchK: 5,
    classes: 20,
    provider: 'cpu',
  });

/** The last two compute the same whatever the optimizer is. */
const files = {
  train_loop: { build: buildTrainLoop, optimizers: ['sgd', 'adam'] },
  optimizer_model: { build: buildOptimizerModel, optimizers: ['sgd', 'adam'] },
  training_model: { build: buildTrainingModel, optimizers: ['sgd'] },
  eval_model: { build: buildEvalModel, optimizers: ['sgd'] },
} as const;

/** What an option does to a graph is seen on a small one. */
const variants: Record<string, Partial<TrainingOptions>> = {
  'nu 0.01': { nu: 0.01 },
  'constant beta': { learnBeta: false },
  'normalized weights': { normalizeWeights: true },
  'no dropout': { dropout: 0 },
  'slower backbone': { backboneLrMult: 0.01 },
  clipped: { clipNorm: 10 },
  'in pieces': { microBatch: 4 },
  'skips what is not finite': { skipNotFinite: true },
  cuda: { provider: 'cuda' },
  'mixed precision': { precision: 'fp16' },
  'cuda, deterministic': { provider: 'cuda', deterministic: true },
  webgpu: { provider: 'webgpu' },
  'other mean and deviation': { mean: [0.5, 0.4, 0.3], std: [0.5, 0.25, 0.2] },
};

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Of every backbone, and of two with each option; takes some seconds. */
export function hashModels(): Hashes {
  const hashes: Hashes = {};
  for (const model of Object.keys(backbones)) {
    for (const [file, { build, optimizers }] of Object.entries(files)) {
      for (const optimizer of optimizers)
        hashes[`${model} ${optimizer} ${file}`] = sha256(build(optionsOf(model, optimizer)));
    }
  }
  for (const [name, variant] of Object.entries(variants)) {
    for (const model of ['resnet18', 'squeezenet1_1'])
      hashes[`${model} sgd train_loop, ${name}`] = sha256(buildTrainLoop({ ...optionsOf(model, 'sgd'), ...variant }));
  }
  const frozen = { ...optionsOf('resnet18', 'sgd'), freezeBn: true };
  hashes['resnet18 sgd train_loop, frozen batch normalization'] = sha256(buildTrainLoop(frozen));
  return hashes;
}
