import { describe, expect, it } from 'vitest';
import { missingKernel } from '../../bench/cuda/kernels.js';
import { limitsOf } from '../../bench/cuda/limits.js';
import { nodesOf } from '../../bench/cuda/nodes.js';
import { benchOptions } from '../../bench/training.js';
import {
  buildEvalModel,
  buildOptimizerModel,
  buildTrainingModel,
  buildTrainLoop,
} from '../../src/graph/artifacts/artifacts.js';
import { buildRankModel, rankModels } from '../../src/graph/artifacts/ranks.js';
import { buildNearestCenterModel } from '../../src/graph/artifacts/nearest-center.js';
import { buildRelevanceModel } from '../../src/graph/artifacts/relevance.js';
import { buildRetrievalModel } from '../../src/graph/artifacts/retrieval.js';
import { buildSamplingModel } from '../../src/graph/artifacts/sampling.js';
import { GraphBuilder } from '../../src/graph/builder/builder.js';
import { backbones } from '../../src/graph/models/index.js';
import { operatorNames } from '../../src/graph/onnx/names.js';
import type { Value } from '../../src/graph/onnx/nodes.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../src/graph/options.js';

/** As in the paper, with every option that adds nodes. */
const optionsOf = (model: string): TrainingOptions => ({
  ...benchOptions({
    model,
    imageSize: model === 'inception_v3' ? 299 : 224,
    batchSize: 80,
    batchK: 5,
    classes: 100,
    optimizer: 'sgd',
    provider: 'cuda',
  }),
  ...{ nu: 0.1, normalizeWeights: true, backboneLrMult: 0.5, clipNorm: 10, skipNotFinite: true },
});

/** Limits that nodes of a step may have, and why. */
const accepted: Record<string, string> = {
  'sums over leading axes in any order': 'of a batch, for gradients of biases; --deterministic takes others',
  'sums by one thread an element': 'over the batch: 80 x 80',
  'sums over axes that are apart': 'of some hundred values a channel',
};

const audited = (model: Uint8Array) => {
  const nodes = [...nodesOf(model)];
  return {
    missing: nodes.flatMap((node) => missingKernel(node) ?? []),
    limits: [...new Set(nodes.filter(({ inLoop }) => inLoop).flatMap(limitsOf))],
  };
};

describe('CUDA has a kernel for every node', () => {
  it.each(Object.keys(backbones))('of the models of %s, and no step meets a limit that has no reason', (model) => {
    const options = optionsOf(model);
    const { missing, limits } = audited(buildTrainLoop(options));
    expect(missing).toEqual([]);
    expect(limits.filter((limit) => !Object.hasOwn(accepted, limit))).toEqual([]);
    expect(audited(buildEvalModel(options)).missing).toEqual([]);
  });

  it.each(['alexnet', 'densenet121', 'inception_v3', 'resnet50', 'squeezenet1_1', 'vgg11_bn'])(
    'of %s in mixed precision, and no step meets a limit that has no reason',
    (model) => {
      const { missing, limits } = audited(buildTrainLoop({ ...optionsOf(model), precision: 'fp16' }));
      expect(missing).toEqual([]);
      expect(limits.filter((limit) => !Object.hasOwn(accepted, limit))).toEqual([]);
    },
  );

  it('of Adam, of single steps and updates, and of what evaluations run', () => {
    const options = optionsOf('resnet18');
    const others = [
      buildTrainLoop({ ...options, optimizer: 'adam' }),
      buildTrainLoop({ ...options, deterministic: true }),
      buildTrainLoop({ ...options, microBatch: 30 }),
      ...rankModels.map((model) => buildRankModel(model, options, 4)),
      // Rows are added up in pieces.
      buildRankModel('rank_loss', { ...options, batchSize: 4000, batchK: 50 }, 4),
      ...rankModels.map((model) => buildRankModel(model, { ...options, precision: 'fp16', microBatch: 8 }, 4)),
      buildTrainLoop({ ...options, microBatch: 30, precision: 'fp16' }),
      buildTrainingModel(options),
      buildOptimizerModel({ ...options, optimizer: 'adam' }),
      buildRetrievalModel({ dim: 128, k: 16 }),
      buildRelevanceModel({ dim: 128, k: 16 }),
      buildNearestCenterModel({ dim: 128 }),
      buildSamplingModel({ batchSize: 80, embedDim: 128, batchK: 5, normalizeWeights: true }),
    ];
    for (const model of others) expect(audited(model).missing).toEqual([]);
  });
});

const values = (g: GraphBuilder, ...shape: number[]): Value =>
  g.constant('float32', shape, new Float32Array(shape.reduce((product, dim) => product * dim, 1)));

describe('the audit', () => {
  it.each(operatorNames)('knows of %s, which a network or a loss of a person’s own may have', (type) => {
    expect(missingKernel({ type, inputs: [] }) ?? '').not.toMatch(/is not in the table/);
  });

  it('tells operators without a kernel, and types that one does not take', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [2, 3]);
    g.output('s', g.op('Softmax', [g.op('Sigmoid', [x])]));
    g.output('m', g.op('Mean', [x, x]));
    g.output('i', g.op('ArgMax', [g.input('n', 'int64', [2, 3])]));
    const { missing } = audited(encodeModel(g.model('planted')));
    expect(missing).toEqual(['Mean has no kernel', 'ArgMax takes float32 float16 float64 as input 0, not int64']);
  });

  it('finds a node without a kernel', () => {
    const g = new GraphBuilder();
    g.output('y', g.op('Sqrt', [g.input('x', 'float64', [2])]));
    g.output('z', g.op('Abs', [g.input('a', 'bool', [2])]));
    const { missing } = audited(encodeModel(g.model('planted')));
    expect(missing).toEqual([expect.stringMatching(/^Abs takes .* as input 0, not bool$/)]);
  });

  it.each<[string, (g: GraphBuilder) => Value]>([
    [
      'a table of 8 bytes for each place of a long axis',
      (g) => g.op('Concat', [values(g, 60_000), values(g, 60_000)], { axis: 0 }),
    ],
    ['a kernel as large as an image', (g) => g.op('Conv', [values(g, 1, 1, 12, 12), values(g, 1, 1, 12, 12)])],
    [
      'padding that is not the same in front and behind, which runs on the CPU',
      (g) => g.op('Conv', [values(g, 1, 1, 9, 9), values(g, 1, 1, 3, 3)], { pads: [0, 0, 1, 1] }),
    ],
    ['sums over leading axes in any order', (g) => g.op('ReduceSum', [values(g, 4096, 8), g.ints([0])])],
  ])('finds %s, inside of a Loop', (what, build) => {
    const g = new GraphBuilder();
    const trips = g.constant('int64', [], [2]);
    const { collected } = g.loop(trips, [], (body) => ({ carried: [], collected: [build(body)] }), 'steps');
    g.output('y', collected[0]!);
    expect(audited(encodeModel(g.model('planted'))).limits).toContain(what);
  });
});
