import { describe, expect, it } from 'vitest';
import { everyone, othersOf } from '../../../src/runner/data/search-sets.js';
import { chooseQueries } from '../../../src/runner/report/queries.js';

// Classes: 0 at places 0-2, 1 at 3-4, 2 at 5-6, 3 alone at 7.
const labels = Int32Array.of(0, 0, 0, 1, 1, 2, 2, 7);
const averagePrecision = Float64Array.of(
  1, // all right
  0.25, // 0, 1/2
  0, // none
  1, // all right, of a smaller class
  0, // none of 1
  0, // none of 1
  1, // all right
  NaN,
);
const queries = everyone(8).queries;
const others = othersOf(labels, everyone(8));
const choose = (count: number) => chooseQueries({ averagePrecision, queries, others, labels }, count);

describe('chooseQueries', () => {
  it('takes the best and the worst, each class once, large classes first among equals', () => {
    const { best, worst } = choose(3);
    expect(best.map(({ place }) => place)).toEqual([0, 3, 6]);
    expect(worst.map(({ place }) => place)).toEqual([2, 4, 5]);
    expect(best[0]).toEqual({ place: 0, others: 2, precision: 1 });
    expect(worst[0]).toEqual({ place: 2, others: 2, precision: 0 });
  });

  it('never takes an image that is alone in its class, and no more than there are', () => {
    const { best, worst } = choose(9);
    expect(best).toHaveLength(3);
    expect([...best, ...worst].some(({ place }) => place === 7)).toBe(false);
  });
});
