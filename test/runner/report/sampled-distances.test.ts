import * as ort from 'onnxruntime-node';
import { afterAll, describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { sampleNegatives, samplingWeights } from '../../../src/graph/samplings/distance-weighted.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';
import { histogramOf } from '../../../src/runner/report/histogram.js';
import { sampledDistances } from '../../../src/runner/report/sampled-distances.js';
import { runModel } from '../../helpers/graphs.js';

const [n, dim, batchK] = [12, 5, 3];
const bins = { from: 0, to: 2, count: 10 };
const thread = new ComputeThread({ device: 'cpu', deviceId: 0, threads: 1 });
afterAll(() => thread.close());

const optionsWith = (normalizeWeights: boolean) =>
  ({ batchSize: n, embedDim: dim, batchK, normalizeWeights }) as TrainingOptions;

/** Points on the sphere. */
function embeddings(count: number): Float32Array {
  const random = new Philox(11, 'init');
  const values = new Float32Array(count * dim).map(() => random.normal());
  return values.map((value, i) => {
    const row = values.subarray(i - (i % dim), i - (i % dim) + dim);
    return value / Math.hypot(...row);
  });
}

const distance = (points: Float32Array, a: number, b: number) =>
  Math.hypot(...Array.from({ length: dim }, (_, k) => points[a * dim + k]! - points[b * dim + k]!));

/** Draws as the training does, so many times of each anchor. */
async function draw(points: Float32Array, draws: number, normalizeWeights: boolean): Promise<number[]> {
  const g = new GraphBuilder();
  const input = g.input('embeddings', 'float32', [n, dim]);
  const labels = g.constant(
    'int32',
    [n],
    Int32Array.from({ length: n }, (_, i) => Math.floor(i / batchK)),
  );
  const reference = { embeddings: input, labels };
  const uniforms = g.input('uniforms', 'float32', [n, draws]);
  g.output(
    'negatives',
    sampleNegatives(
      g,
      samplingWeights(g, { embeddings: input, labels, batchK, reference }, normalizeWeights),
      uniforms,
    ),
  );
  const { negatives } = await runModel(encodeModel(g.model('draw')), {
    embeddings: new ort.Tensor('float32', points, [n, dim]),
    uniforms: new ort.Tensor('float32', new Philox(3, 'sampling').fillUnit(new Float32Array(n * draws)), [n, draws]),
  });
  return Array.from(negatives!.data as Int32Array, (other, i) => distance(points, Math.floor(i / draws), other));
}

describe('sampledDistances', () => {
  it.each([false, true])(
    'is what the sampling draws on average, with normalizeWeights %s',
    async (normalizeWeights) => {
      const points = embeddings(n);
      const draws = 20_000;
      const counted = histogramOf(await draw(points, draws, normalizeWeights), bins).counts;
      const { drawn } = await sampledDistances(thread, points, optionsWith(normalizeWeights), bins);
      const total = n * draws;
      for (const [bin, count] of drawn.counts.entries()) {
        const share = count / (n * (batchK - 1));
        expect(Math.abs(counted[bin]! / total - share)).toBeLessThan(
          4.5 * Math.sqrt((share * (1 - share)) / total) + 1e-6,
        );
      }
      expect(Math.max(...drawn.counts)).toBeGreaterThan(0);
    },
  );

  it('counts each pair of different classes of each batch once from either side', async () => {
    const points = embeddings(3 * n);
    const { all, drawn } = await sampledDistances(thread, points, optionsWith(false), bins);
    const expected: number[] = [];
    for (let i = 0; i < 3 * n; i++) {
      for (let j = 0; j < 3 * n; j++) {
        const isOneBatch = Math.floor(i / n) === Math.floor(j / n);
        if (isOneBatch && Math.floor(i / batchK) !== Math.floor(j / batchK)) expected.push(distance(points, i, j));
      }
    }
    expect([...all.counts]).toEqual([...histogramOf(expected, bins).counts]);
    // Each anchor draws as many negatives as it has positives.
    expect(drawn.counts.reduce((sum, count) => sum + count, 0)).toBeCloseTo(3 * n * (batchK - 1), 4);
  });
});
