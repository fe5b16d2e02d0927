import { Tensor } from 'onnxruntime-node';
import { describe, expect, it, vi } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { elementCount, type Shape } from '../../../src/graph/onnx/types.js';
import { distanceWeighted, sampleNegatives } from '../../../src/graph/samplings/distance-weighted.js';
import { Philox } from '../../../src/graph/state/philox.js';
import { runModel } from '../../helpers/graphs.js';

/** The first index whose cumulative weight, as a share of all, exceeds u; the last one where rounding leaves none. */
function definition(weights: Float32Array, u: number): number {
  const sums = new Float32Array(weights.length);
  let sum = 0;
  weights.forEach((weight, i) => (sums[i] = sum = Math.fround(sum + weight)));
  const at = sums.findIndex((value) => Math.fround(value / sum) > u);
  return at < 0 ? weights.length - 1 : at;
}

describe('negatives', () => {
  // From 65,536 pairs on they are searched for in rounds, at first by comparing all with all.
  it.each([
    [7, 20],
    [20, 256],
    [300, 219],
    [257, 256],
    [260, 513],
  ])('are the first of cumulative weight above u: %i rows of %i', async (n, m) => {
    const random = new Philox(3, 'sampling');
    const draws = 5;
    // Runs of weights that are 0 have one cumulative weight; u comes to where such a run begins, and to 0.
    const weights = random.fillUnit(new Float32Array(n * m)).map((value) => (value < 0.4 ? 0 : value));
    const uniforms = random.fillUnit(new Float32Array(n * draws));
    for (let row = 0; row < n; row++) {
      uniforms[row * draws] = 0;
      const own = weights.subarray(row * m, (row + 1) * m);
      const sum = own.reduce((a, b) => Math.fround(a + b), 0);
      const half = own.subarray(0, Math.floor(m / 2)).reduce((a, b) => Math.fround(a + b), 0);
      uniforms[row * draws + 1] = Math.fround(half / sum);
      uniforms[row * draws + 2] = 1 - 2 ** -24;
    }
    const g = new GraphBuilder();
    const inputs = [g.input('weights', 'float32', [n, m]), g.input('uniforms', 'float32', [n, draws])] as const;
    g.output('negatives', sampleNegatives(g, ...inputs));
    const { negatives } = await runModel(encodeModel(g.model('test')), {
      weights: new Tensor('float32', weights, [n, m]),
      uniforms: new Tensor('float32', uniforms, [n, draws]),
    });
    const expected = Array.from(uniforms, (u, i) => {
      const row = Math.floor(i / draws);
      return definition(weights.subarray(row * m, (row + 1) * m), u);
    });
    expect([...(negatives!.data as Int32Array)]).toEqual(expected);
  });

  it('of a large batch take no more than its pairs, however many are drawn', () => {
    const [batchSize, batchK, embedDim] = [1000, 50, 8];
    const g = new GraphBuilder();
    const embeddings = g.input('embeddings', 'float32', [batchSize, embedDim]);
    const labels = g.input('labels', 'int32', [batchSize]);
    const uniforms = g.input('uniforms', 'float32', [batchSize, batchK - 1]);
    const ops = vi.spyOn(GraphBuilder.prototype, 'ops');
    const sampling = distanceWeighted.create({ normalizeWeights: false });
    sampling.sample(g, { embeddings, labels, batchK, reference: { embeddings, labels }, uniforms });
    const shapes = ops.mock.results.flatMap(({ value }) => (value as { shape: Shape }[]).map(({ shape }) => shape));
    ops.mockRestore();
    expect(shapes.length).toBeGreaterThan(20);
    for (const shape of shapes) expect(elementCount(shape as number[])).toBeLessThanOrEqual(batchSize ** 2);
  });
});
