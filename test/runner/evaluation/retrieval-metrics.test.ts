import { describe, expect, it } from 'vitest';
import { everyone, othersOf } from '../../../src/runner/data/search-sets.js';
import { QueryScores } from '../../../src/runner/evaluation/retrieval-metrics.js';

/** @param neighbors places of each query's nearest neighbors, itself excluded, closest first */
function scored(neighbors: number[][], labels: Int32Array, ks: number[] = [1]): QueryScores {
  const scores = new QueryScores(othersOf(labels, everyone(labels.length)), ks);
  for (const [query, places] of neighbors.entries()) {
    scores.add(
      query,
      Uint8Array.from(places, (place) => Number(labels[place] === labels[query])),
    );
  }
  return scores;
}

describe('retrieval metrics', () => {
  // Classes: a a a b b c. R is 2 for a, 1 for b; c is alone.
  const labels = Int32Array.of(0, 0, 0, 1, 1, 2);
  const neighbors = [
    [1, 2], // both right: precision 1, average (1 + 1) / 2
    [3, 0], // the second: precision 1/2, average (0 + 1/2) / 2
    [1, 5], // the first: precision 1/2, average (1 + 0) / 2
    [4, 0], // right
    [0, 3], // wrong; what lies beyond R does not count
    [0, 1],
  ];

  it('are those computed by hand', () => {
    const scores = scored(neighbors, labels);
    const metrics = scores.metrics();
    expect(metrics.precision_at_1).toBeCloseTo(3 / 5, 12);
    expect(metrics.r_precision).toBeCloseTo((1 + 0.5 + 0.5 + 1 + 0) / 5, 12);
    expect(metrics.mean_average_precision_at_r).toBeCloseTo((1 + 0.25 + 0.5 + 1 + 0) / 5, 12);
    expect([...scores.averagePrecision]).toEqual([1, 0.25, 0.5, 1, 0, NaN]);
    expect([...scores.nearestIsRight]).toEqual([1, 0, 1, 1, 0, -1]);
  });

  it('are beside a Recall@k that counts queries with nothing to find, and never finds for them', () => {
    expect(scored(neighbors, labels, [1, 2]).recall()).toEqual({ 1: 3 / 6, 2: 5 / 6 });
  });

  it('need as many neighbors as a query can find of its class', () => {
    expect(() => scored([[1], [0], [1], [4], [3], [0]], labels).metrics()).toThrow('as many neighbors are needed');
  });

  it('have no value when every image is alone in its class', () => {
    expect(() => scored([[1], [0]], Int32Array.of(0, 1)).metrics()).toThrow('no query has another image of its class');
  });

  /** The example of the MAP@R paper (figure 3): R = 10, hits at the places given. */
  it.each([
    { hits: [1], rPrecision: 0.1, averagePrecision: 0.1 },
    { hits: [10], rPrecision: 0.1, averagePrecision: 0.01 },
    { hits: [1, 2], rPrecision: 0.2, averagePrecision: 0.2 },
    { hits: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], rPrecision: 1, averagePrecision: 1 },
  ])('of 10 neighbors with hits at $hits are R-precision $rPrecision and MAP@R $averagePrecision', (example) => {
    // One class of 11 images that all see the same pattern.
    const scores = new QueryScores(new Int32Array(11).fill(10), [1]);
    const hits = Uint8Array.from({ length: 10 }, (_, place) => Number(example.hits.includes(place + 1)));
    for (let query = 0; query < 11; query++) scores.add(query, hits);
    expect(scores.metrics().r_precision).toBeCloseTo(example.rPrecision, 12);
    expect(scores.metrics().mean_average_precision_at_r).toBeCloseTo(example.averagePrecision, 12);
  });
});
