import { describe, expect, it } from 'vitest';
import { neighborsNeeded, scoreQueries } from '../../../src/runner/metrics/retrieval.js';

describe('retrieval metrics', () => {
  // Classes: a a a b b c. R is 2 for a, 1 for b; c is alone.
  const labels = Int32Array.of(0, 0, 0, 1, 1, 2);
  const neighbors = Int32Array.from(
    [
      [1, 2], // both right: precision 1, average (1 + 1) / 2
      [3, 0], // the second: precision 1/2, average (0 + 1/2) / 2
      [1, 5], // the first: precision 1/2, average (1 + 0) / 2
      [4, 0], // right
      [0, 3], // wrong; what lies beyond R does not count
      [0, 1],
    ].flat(),
  );

  it('are those computed by hand', () => {
    const scores = scoreQueries(neighbors, 2, labels);
    expect(scores.precision_at_1).toBeCloseTo(3 / 5, 12);
    expect(scores.r_precision).toBeCloseTo((1 + 0.5 + 0.5 + 1 + 0) / 5, 12);
    expect(scores.mean_average_precision_at_r).toBeCloseTo((1 + 0.25 + 0.5 + 1 + 0) / 5, 12);
    expect([...scores.averagePrecision]).toEqual([1, 0.25, 0.5, 1, 0, NaN]);
  });

  it('need as many neighbors as the largest class has other images', () => {
    expect(neighborsNeeded(labels)).toBe(2);
    expect(() => scoreQueries(Int32Array.of(1, 0, 1, 4, 3, 0), 1, labels)).toThrow(
      '2 neighbors of each query are needed, got 1',
    );
  });

  it('have no value when every image is alone in its class', () => {
    expect(() => scoreQueries(Int32Array.of(1, 0), 1, Int32Array.of(0, 1))).toThrow('no class has two images');
  });

  /** The example of the MAP@R paper (figure 3): R = 10, hits at the places given. */
  it.each([
    { hits: [1], rPrecision: 0.1, averagePrecision: 0.1 },
    { hits: [10], rPrecision: 0.1, averagePrecision: 0.01 },
    { hits: [1, 2], rPrecision: 0.2, averagePrecision: 0.2 },
    { hits: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], rPrecision: 1, averagePrecision: 1 },
  ])('of 10 neighbors with hits at $hits are R-precision $rPrecision and MAP@R $averagePrecision', (example) => {
    // One class of 11 images that all see the same pattern, and 10 images alone in their classes to be wrong.
    const classes = Int32Array.from({ length: 21 }, (_, i) => (i < 11 ? 0 : i));
    const rows = Array.from({ length: 21 }, () =>
      Array.from({ length: 10 }, (_, place) => (example.hits.includes(place + 1) ? 0 : 11 + place)),
    );
    const scores = scoreQueries(Int32Array.from(rows.flat()), 10, classes);
    expect(scores.r_precision).toBeCloseTo(example.rPrecision, 12);
    expect(scores.mean_average_precision_at_r).toBeCloseTo(example.averagePrecision, 12);
  });
});
