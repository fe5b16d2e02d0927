import { describe, expect, it } from 'vitest';
import type { GraphBuilder, Value } from '../../../src/graph/builder/builder.js';
import {
  batchNormInFewKernels,
  batchNormFrozen,
  batchNormTraining,
  renewalFactors,
  renewed,
} from '../../../src/graph/ops/norm.js';
import { evaluate, expectGradients, randomTensor, relativeError } from '../../helpers/graphs.js';

const [channels, batch, height, width] = [3, 2, 4, 5];
const shapes = [[channels, batch, height, width], [channels], [channels]];
const mean = Float32Array.of(0.3, -0.2, 5);
const variance = Float32Array.of(0.5, 2, 1);

const params = (g: GraphBuilder, weight: Value, bias: Value) => ({
  weight,
  bias,
  runningMean: g.constant('float32', [channels], mean),
  runningVar: g.constant('float32', [channels], variance),
});
/** The ways to write it, all of which give the same. */
const ways = { 'sums of sums': batchNormTraining, 'few kernels': batchNormInFewKernels } as const;

/** Statistics of each channel in float64. */
function statistics(x: Float32Array) {
  const length = batch * height * width;
  return Array.from({ length: channels }, (_, c) => {
    const row = Array.from(x.subarray(c * length, (c + 1) * length));
    const average = row.reduce((a, b) => a + b, 0) / length;
    return { average, biased: row.reduce((a, b) => a + (b - average) ** 2, 0) / length, length };
  });
}

const tensors = shapes.map((shape, i) => randomTensor(shape, i));

describe.each(Object.entries(ways))('batch normalisation in training, by %s', (_, normalize) => {
  const training = (g: GraphBuilder, x?: Value, w?: Value, b?: Value) => normalize(g, x!, params(g, w!, b!));

  it('normalizes by the statistics of the batch', async () => {
    const { data } = await evaluate((g, x, w, b) => training(g, x, w, b).y, shapes, tensors);
    const length = batch * height * width;
    const expected = statistics(tensors[0]!).flatMap(({ average, biased }, c) =>
      Array.from(
        tensors[0]!.subarray(c * length, (c + 1) * length),
        (v) => ((v - average) / Math.sqrt(biased + 1e-5)) * tensors[1]![c]! + tensors[2]![c]!,
      ),
    );
    expect(relativeError(data, expected)).toBeLessThan(1e-6);
  });

  it('updates running statistics as PyTorch does: momentum 0.1, unbiased variance', async () => {
    const running = (which: 'mean' | 'variance') =>
      evaluate(
        (g, x, w, b) => {
          const { runningMean, runningVar } = params(g, w!, b!);
          const normalized = training(g, x, w, b);
          const old = which === 'mean' ? runningMean : runningVar;
          return renewed(g, old, normalized[which], renewalFactors(normalized)[which]);
        },
        shapes,
        tensors,
      );
    const [means, variances] = [await running('mean'), await running('variance')];
    const batchStatistics = statistics(tensors[0]!);
    const expectedMeans = batchStatistics.map(({ average }, c) => 0.9 * mean[c]! + 0.1 * average);
    const expectedVariances = batchStatistics.map(
      ({ biased, length }, c) => 0.9 * variance[c]! + (0.1 * biased * length) / (length - 1),
    );
    expect(relativeError(means.data, expectedMeans)).toBeLessThan(1e-6);
    expect(relativeError(variances.data, expectedVariances)).toBeLessThan(1e-6);
  });

  it('stays exact where the mean is large beside the deviation', async () => {
    const shifted = [tensors[0]!.map((v) => v + 300), tensors[1]!, tensors[2]!];
    const far = await evaluate((g, x, w, b) => training(g, x, w, b).y, shapes, shifted);
    const near = await evaluate((g, x, w, b) => training(g, x, w, b).y, shapes, tensors);
    expect(relativeError(far.data, near.data)).toBeLessThan(1e-4);
  });

  it('has gradients that equal finite differences', async () =>
    expectGradients((g, x, w, b) => training(g, x, w, b).y, shapes, tensors));
});

describe('batch normalisation by running statistics', () => {
  it('has gradients that equal finite differences', async () =>
    expectGradients((g, x, w, b) => batchNormFrozen(g, x!, params(g, w!, b!)), shapes, tensors));
});
