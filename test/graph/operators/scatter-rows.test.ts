import { Tensor } from 'onnxruntime-node';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { buildRankModel } from '../../../src/graph/artifacts/ranks.js';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { gradients } from '../../../src/graph/builder/gradients.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { Shape } from '../../../src/graph/onnx/types.js';
import { elementCount } from '../../../src/graph/onnx/types.js';
import { scatterRows } from '../../../src/graph/operators/scatter-rows.js';
import { mul } from '../../../src/graph/ops/arithmetic.js';
import { sum } from '../../../src/graph/ops/reduce.js';
import { gatherRows } from '../../../src/graph/ops/shape.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { benchOptions } from '../../../bench/training.js';
import { randomTensor, runModel } from '../../helpers/graphs.js';

/** One-hot matrices beyond 2^24 entries, which go in pieces, the last of which is not full. */
const [size, count, width] = [701, 30_000, 3];
const random = new Philox(5, 'init');
const indices = Int32Array.from({ length: count }, () => random.int(size));
const slopes = randomTensor([count, width], 1);
const tensors = {
  slopes: new Tensor('float32', slopes, [count, width]),
  indices: new Tensor('int32', indices, [count]),
};

/** Largest of what nodes give, Loops' included, in elements. */
function largestOf(build: () => void): number {
  const ops = vi.spyOn(GraphBuilder.prototype, 'ops');
  build();
  const values = ops.mock.results.flatMap(({ value }) => value as { shape: Shape }[]);
  return Math.max(...values.map(({ shape }) => elementCount(shape.map((dim) => (typeof dim === 'number' ? dim : 1)))));
}

afterEach(() => vi.restoreAllMocks());

describe('rows that are added up in pieces', () => {
  it('are the sums of the whole product', async () => {
    const g = new GraphBuilder('cuda');
    const loop = vi.spyOn(g, 'loop');
    const taken = g.input('indices', 'int32', [count]);
    g.output('sums', scatterRows(g, g.input('slopes', 'float32', [count, width]), taken, [size, width]));
    expect(loop).toHaveBeenCalledOnce();
    const { sums } = await runModel(encodeModel(g.model('rows')), tensors);
    const wanted = new Float64Array(size * width);
    indices.forEach((row, i) => {
      for (let j = 0; j < width; j++) wanted[row * width + j]! += slopes[i * width + j]!;
    });
    expect(sums!.dims).toEqual([size, width]);
    wanted.forEach((value, i) => expect(Math.abs((sums!.data[i] as number) - value)).toBeLessThan(1e-4));
  });

  it('have a gradient themselves: the rows that they are made of', async () => {
    const g = new GraphBuilder('cuda');
    const taken = g.input('indices', 'int32', [count]);
    const dy = g.watch(g.input('slopes', 'float32', [count, width]));
    const weights = randomTensor([size, width], 2);
    const sums = scatterRows(g, dy, taken, [size, width]);
    const loss = sum(g, mul(g, sums, g.input('weights', 'float32', [size, width])), [0, 1]);
    g.output('back', gradients(g, g.op('Reshape', [loss, g.ints([])]), [dy])[0]!);
    const { back } = await runModel(encodeModel(g.model('rows')), {
      ...tensors,
      weights: new Tensor('float32', weights, [size, width]),
    });
    const wanted = slopes.map((_, i) => weights[indices[Math.floor(i / width)]! * width + (i % width)]!);
    expect(back!.data).toEqual(wanted);
  });
});

describe('of 4,000 images, 50 of a class, on CUDA', () => {
  const [batchSize, batchK, embedDim] = [4000, 50, 128];
  const differences = batchSize * (batchK - 1) * embedDim;

  it('the gradient of taking rows holds nothing larger than what comes back', () => {
    const largest = largestOf(() => {
      const g = new GraphBuilder('cuda');
      const x = g.watch(g.input('x', 'float32', [batchSize, embedDim]));
      const rows = gatherRows(g, x, g.input('indices', 'int32', [batchSize, batchK - 1]));
      g.output('dx', gradients(g, sum(g, rows, [0, 1, 2]), [x])[0]!);
    });
    expect(largest).toBe(differences);
  });

  it('nor does the whole of sampling, loss and gradient', () => {
    const options = benchOptions({
      ...{ model: 'resnet18', imageSize: 64, batchSize, batchK, classes: 100, optimizer: 'sgd' },
      provider: 'cuda',
    });
    expect(largestOf(() => buildRankModel('rank_loss', options, 4))).toBe(differences);
  });
});
