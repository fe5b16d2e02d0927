/** Batches in pieces: beside the whole batch, and beside a graph that has every piece as a replica of its own. */
import { describe, expect, it } from 'vitest';
import { initialFeeds, madeUpSteps } from '../../../bench/training.js';
import { buildTrainingModel, buildTrainLoop } from '../../../src/graph/artifacts/artifacts.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { decodeModel } from '../../../src/graph/onnx/schema.js';
import type { GraphProto } from '../../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { pieceOf } from '../../../src/graph/step/piece.js';
import type { PlainTensors } from '../../../src/runner/compute/engine.js';
import { relativeError, runPlain } from '../../helpers/graphs.js';
import { pieceSizes, replicas } from '../../helpers/replicas.js';

const common: TrainingOptions = {
  ...{ model: 'resnet18', imageSize: 32, batchSize: 20, batchK: 4, classes: 5, featDim: 64, embedDim: 16 },
  ...{ margin: 0.2, nu: 0.01, beta: 1.2, learnBeta: true, normalizeWeights: false, dropout: 0.5, freezeBn: false },
  ...{ backboneLrMult: 1, momentum: 0.9, weightDecay: 1e-4, provider: 'cpu', optimizer: 'sgd' },
};

type Outputs = Record<string, Float32Array>;

const trained = (options: TrainingOptions, steps: number): Promise<Outputs> =>
  runPlain(buildTrainLoop(options), {
    ...initialFeeds(options),
    ...madeUpSteps(options, steps, new Philox(1, 'sampling')),
  });

/** One step's, as `training_model.onnx` takes them. */
function oneStep(options: TrainingOptions): PlainTensors {
  const rows = Object.entries(madeUpSteps(options, 1, new Philox(1, 'sampling')));
  const squeezed = rows.map(([name, { data, dims }]) => [name, { data, dims: dims.slice(1) }] as const);
  return { ...initialFeeds(options), ...(Object.fromEntries(squeezed) as PlainTensors) };
}

describe('a batch in pieces, with frozen statistics', () => {
  // Float32's sums in another order. After more than one step, Adam has divided gradients that are nearly 0 by their own size, and of
  // float16's, ReLUs and pairs have turned.
  it.each([
    ['a last piece that is smaller, and dropout of feature maps', { model: 'squeezenet1_1', microBatch: 8 }, 3, 1e-4],
    ['dropout of features', { model: 'alexnet', imageSize: 64, microBatch: 6 }, 3, 1e-4],
    [
      'Adam, clipping and steps that are left out',
      { optimizer: 'adam', clipNorm: 1, skipNotFinite: true, backboneLrMult: 0.5, microBatch: 5 },
      1,
      1e-4,
    ],
    ['pieces of one image, and rescaled weights', { batchSize: 8, microBatch: 1, normalizeWeights: true }, 3, 1e-4],
    ["CUDA's graph", { provider: 'cuda', microBatch: 8 }, 3, 1e-3],
    ['mixed precision', { precision: 'fp16', microBatch: 8, model: 'squeezenet1_1' }, 1, 2e-2],
  ] as const)('takes the steps of the whole batch: %s', async (_, options, steps, bound) => {
    const whole: TrainingOptions = { ...common, freezeBn: true, ...options };
    const pieces = await trained(whole, steps);
    const { microBatch, ...rest } = whole;
    expect(microBatch).toBeDefined();
    const expected = await trained(rest, steps);
    expect(Object.keys(pieces)).toEqual(Object.keys(expected));
    for (const [name, value] of Object.entries(expected)) {
      expect(pieces[name]!.length, name).toBe(value.length);
      if (value.length > 0) expect(relativeError(pieces[name]!, value), name).toBeLessThan(bound);
    }
    const losses = [...expected['losses']!];
    const most = 'precision' in options ? 1e-3 : 1e-5;
    losses.forEach((loss, i) => expect(Math.abs(pieces['losses']![i]! - loss)).toBeLessThan(most));
  });

  it('draws the very negatives of the whole batch', async () => {
    const whole: TrainingOptions = { ...common, freezeBn: true };
    const tensors = oneStep(whole);
    const [a, b] = await Promise.all([
      runPlain(buildTrainingModel(whole), tensors),
      runPlain(buildTrainingModel({ ...whole, microBatch: 6 }), tensors),
    ]);
    expect(b['negatives']).toEqual(a['negatives']);
    expect(relativeError(b['gradients']!, a['gradients']!)).toBeLessThan(1e-5);
  });

  it('keeps the running statistics to the bit', async () => {
    const options: TrainingOptions = { ...common, freezeBn: true, microBatch: 8 };
    const before = initialFeeds(options)['buffers']!.data;
    expect((await trained(options, 2))['buffers_out']).toEqual(before);
  });
});

describe('a batch in pieces, with batch statistics', () => {
  const options: TrainingOptions = { ...common, dropout: 0, microBatch: 8 };
  const sizes = pieceSizes(20, 8);

  it('has the loss and the gradients of replicas with statistics of their own', async () => {
    const tensors = oneStep(options);
    const [pieces, expected] = await Promise.all([
      runPlain(buildTrainingModel(options), tensors),
      runPlain(replicas(options, sizes), tensors),
    ]);
    expect(Math.abs(pieces['loss']![0]! - expected['loss']![0]!)).toBeLessThan(1e-6);
    expect(relativeError(pieces['gradients']!, expected['gradients']!)).toBeLessThan(1e-5);
  });

  it.each(['cpu', 'cuda'] as const)(
    'renews the running statistics once, by the mean of the pieces: %s',
    async (provider) => {
      const tensors = oneStep(options);
      const { imageSize, batchSize } = options;
      const bytes = imageSize ** 2 * 3;
      const mean = new Float64Array(tensors['buffers']!.data.length);
      let first = 0;
      for (const size of sizes) {
        const alone: TrainingOptions = { ...common, dropout: 0, batchSize: size };
        const images = {
          data: (tensors['images']!.data as Uint8Array).slice(first * bytes, (first + size) * bytes),
          dims: [size, imageSize, imageSize, 3],
        };
        const { buffers_out: own } = await runPlain(buildTrainingModel(alone), {
          ...tensors,
          ...oneStep(alone),
          images,
        });
        own!.forEach((value, i) => (mean[i]! += (value * size) / batchSize));
        first += size;
      }
      const { buffers_out: renewed } = await trained({ ...options, provider }, 1);
      expect(relativeError(renewed!, Float32Array.from(mean))).toBeLessThan(1e-5);
    },
  );
});

describe('the graph of a batch in pieces', () => {
  /** Of every constant. */
  const constantSizes = (model: Uint8Array): number[] => {
    const sizes: number[] = [];
    const walk = ({ initializer = [], node = [] }: GraphProto): void => {
      for (const { dims = [] } of initializer) sizes.push(dims.reduce((a, b) => a * Number(b), 1));
      for (const { attribute = [] } of node) for (const { g } of attribute) if (g) walk(g);
    };
    walk(decodeModel(model).graph!);
    return sizes;
  };

  it('has no table of pairs, and no size that depends on the batch', () => {
    const [small, large] = [40, 4000].map((batchSize) => buildTrainLoop({ ...common, batchSize, microBatch: 20 })) as [
      Uint8Array,
      Uint8Array,
    ];
    expect(Math.max(...constantSizes(large))).toBe(Math.max(...constantSizes(small)));
    // Sizes in shapes are numbers of variable length.
    expect(large.length - small.length).toBeLessThan(200);
  });

  it('is that of the whole batch where one piece holds it', () => {
    const names = (options: TrainingOptions) => decodeModel(buildTrainLoop(options)).graph!.node!.length;
    expect(names({ ...common, microBatch: common.batchSize })).toBe(names(common));
  });
});

describe('a piece', () => {
  it('has the rows that follow each other, and the last one what is left', () => {
    const g = new GraphBuilder();
    const x = g.input('x', 'float32', [7, 2]);
    expect([0, 1, 2].map((index) => pieceOf(7, 3, index).size)).toEqual([3, 3, 1]);
    expect(pieceOf(7, 3, 2).rows(g, x).shape).toEqual([1, 2]);
    expect(pieceOf(7, 3, g.scalar(1, 'int64')).rows(g, x).shape).toEqual([3, 2]);
  });
});
