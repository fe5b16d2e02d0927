import { describe, expect, it } from 'vitest';
import { batchShapeFor, drawBatches } from '../../src/web/learn-batches.js';

const groups = [
  [0, 2, 4],
  [1, 3],
  [5, 6, 7, 8, 9, 10, 11],
];

describe('batches of few examples', () => {
  it.each([
    [[3, 3], { batchK: 3, batchSize: 6 }],
    [[2, 2], { batchK: 2, batchSize: 4 }],
    [[2, 9, 3], { batchK: 5, batchSize: 15 }],
    [Array.from({ length: 40 }, () => 2), { batchK: 2, batchSize: 32 }],
  ])('for %j images a class have a fitting shape', (counts, shape) => {
    expect(batchShapeFor(counts.map((n) => Array.from({ length: n }, (_, i) => i)))).toEqual(shape);
  });

  const shape = batchShapeFor(groups);
  const { batchSize, batchK } = shape;

  it('hold all classes in runs, and repeat the images of small ones evenly', () => {
    const steps = 20;
    const { indices, labels, uniforms } = drawBatches(groups, shape, { seed: 3, first: 0, steps });
    expect([indices.length, labels.length, uniforms.length]).toEqual([
      steps * batchSize,
      steps * batchSize,
      steps * batchSize * (batchK - 1),
    ]);
    for (let at = 0; at < indices.length; at += batchK) {
      const label = labels[at]!;
      const run = [...indices.subarray(at, at + batchK)];
      expect(new Set(labels.subarray(at, at + batchK))).toEqual(new Set([label]));
      expect(run.every((index) => groups[label]!.includes(index))).toBe(true);
      expect(new Set(run).size).toBe(Math.min(batchK, groups[label]!.length));
      const counts = groups[label]!.map((index) => run.filter((other) => other === index).length);
      if (groups[label]!.length <= batchK) expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
    for (let at = 0; at < labels.length; at += batchSize) {
      expect(new Set(labels.subarray(at, at + batchSize)).size).toBe(groups.length);
    }
    expect(uniforms.every((u) => u >= 0 && u < 1)).toBe(true);
  });

  it('depend on seed and step alone', () => {
    const whole = drawBatches(groups, shape, { seed: 3, first: 0, steps: 6 });
    const tail = drawBatches(groups, shape, { seed: 3, first: 4, steps: 2 });
    expect([...whole.indices.subarray(4 * batchSize)]).toEqual([...tail.indices]);
    expect([...whole.uniforms.subarray(4 * batchSize * (batchK - 1))]).toEqual([...tail.uniforms]);
    const other = drawBatches(groups, shape, { seed: 4, first: 4, steps: 2 });
    expect([...other.indices]).not.toEqual([...tail.indices]);
  });
});
