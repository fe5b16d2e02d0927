import { describe, expect, it } from 'vitest';
import type { PoolGeometry } from '../../../src/graph/lowerings/pool.js';
import { adaptiveAvgPool2d, avgPool2d, maxPool2d } from '../../../src/graph/ops/pool.js';
import { evaluate, expectGradients, randomTensor, relativeError, tapeGradients } from '../../helpers/graphs.js';

const geometry = (kernel: number, stride: number, padding = 0, ceil = false): PoolGeometry => ({
  kernel: [kernel, kernel],
  stride: [stride, stride],
  padding: [padding, padding],
  ceil,
});

const maxPools: [string, PoolGeometry, number[]][] = [
  ['3x3 stride 2 padding 1, even input', geometry(3, 2, 1), [2, 3, 8, 6]],
  ['3x3 stride 2 padding 1, odd input', geometry(3, 2, 1), [2, 3, 7, 9]],
  ['3x3 stride 2', geometry(3, 2), [2, 3, 9, 7]],
  ['3x3 stride 2 ceil', geometry(3, 2, 0, true), [2, 3, 8, 8]],
  ['2x2 stride 2, odd input', geometry(2, 2), [2, 3, 7, 6]],
];

/** Distinct values in a shuffled order, 0.1 apart: no two elements of a window change places in a difference quotient. */
const distinct = (shape: number[]) => {
  const n = shape.reduce((a, b) => a * b, 1);
  return Float32Array.from({ length: n }, (_, i) => 0.1 * ((i * 7919) % n) - 0.05 * n);
};

describe('max pooling', () => {
  for (const [name, pool, shape] of maxPools) {
    it(`${name}: gradients equal finite differences`, async () => {
      for (const strategy of ['indices', 'masks'] as const) {
        await expectGradients((g, x) => maxPool2d(g, x!, pool, 'cpu', strategy), [shape], [distinct(shape)]);
      }
    });

    it(`${name}: both strategies hand the gradient of equal elements to the first`, async () => {
      const ties = randomTensor(shape, 0).map((x) => Math.round(x));
      const [byIndices] = await tapeGradients((g, x) => maxPool2d(g, x!, pool, 'cpu', 'indices'), [shape], [ties]);
      const [byMasks] = await tapeGradients((g, x) => maxPool2d(g, x!, pool, 'cpu', 'masks'), [shape], [ties]);
      expect(relativeError(byMasks!, byIndices!)).toBeLessThan(1e-6);
    });
  }
});

describe('average pooling', () => {
  it.each([
    ['2x2 stride 2', geometry(2, 2), [2, 3, 7, 6]],
    ['3x3 stride 1 padding 1', geometry(3, 1, 1), [2, 3, 6, 5]],
    ['5x5 stride 3', geometry(5, 3), [2, 3, 11, 12]],
  ] as [string, PoolGeometry, number[]][])('%s: gradients equal finite differences', async (_name, pool, shape) =>
    expectGradients((g, x) => avgPool2d(g, x!, pool), [shape]),
  );

  it.each([
    [
      [1, 1],
      [2, 3, 5, 4],
    ],
    [
      [6, 6],
      [2, 3, 9, 2],
    ],
    [
      [7, 7],
      [2, 3, 3, 10],
    ],
    [
      [2, 2],
      [2, 3, 5, 5],
    ],
  ])('adaptive to %j from %j: gradients equal finite differences', async (out, shape) =>
    expectGradients((g, x) => adaptiveAvgPool2d(g, x!, out as [number, number]), [shape]),
  );

  it("adaptive windows are PyTorch's: they overlap where sizes do not divide", async () => {
    const y = await evaluate(
      (g, x) => adaptiveAvgPool2d(g, x!, [1, 2]),
      [[1, 1, 1, 5]],
      [Float32Array.of(1, 2, 3, 4, 5)],
    );
    expect(Array.from(y.data)).toEqual([2, 4]);
  });
});
