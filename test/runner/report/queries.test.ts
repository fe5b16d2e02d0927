import { describe, expect, it } from 'vitest';
import { scoreQueries } from '../../../src/runner/metrics/retrieval.js';
import { chooseQueries } from '../../../src/runner/report/queries.js';

// Classes: 0 at places 0-2, 1 at 3-4, 2 at 5-6, 3 alone at 7.
const labels = Int32Array.of(0, 0, 0, 1, 1, 2, 2, 7);
const depth = 3;
const neighbors = Int32Array.from(
  [
    [1, 2, 3], // all right
    [3, 0, 2], // precision 0, 1/2
    [4, 5, 6], // none
    [4, 0, 1], // all right, of a smaller class
    [0, 3, 1], // none of 1
    [0, 1, 6], // none of 1
    [5, 0, 1], // all right
    [0, 1, 2],
  ].flat(),
);
const { averagePrecision } = scoreQueries(neighbors, depth, labels);
const choose = (count: number) => chooseQueries({ averagePrecision, neighbors, depth, labels }, count, 2);

describe('chooseQueries', () => {
  it('takes the best and the worst, each class once, large classes first among equals', () => {
    const { best, worst } = choose(3);
    expect(best.map(({ place }) => place)).toEqual([0, 3, 6]);
    expect(worst.map(({ place }) => place)).toEqual([2, 4, 5]);
    expect(best[0]).toEqual({ place: 0, found: [1, 2], precision: 1 });
    expect(worst[0]).toEqual({ place: 2, found: [4, 5], precision: 0 });
  });

  it('never takes an image that is alone in its class, and no more than there are', () => {
    const { best, worst } = choose(9);
    expect(best).toHaveLength(3);
    expect([...best, ...worst].some(({ place }) => place === 7)).toBe(false);
  });
});
