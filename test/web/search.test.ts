import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Philox } from '../../src/graph/state/philox.js';
import type { Rows } from '../../src/web/search.js';
import { Search } from '../../src/web/search.js';

/** By sorting everything. */
function byDefinition({ data, dim, scale }: Rows, query: Float32Array, k: number) {
  const all = Array.from({ length: data.length / dim }, (_, index) => {
    const squares = Array.from(query, (value, i) => (value - scale * data[index * dim + i]!) ** 2);
    return { index, distance: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)) };
  });
  return all.sort((a, b) => a.distance - b.distance || a.index - b.index).slice(0, k);
}

/** Multiples of 1/8, so that distances are exact and often equal. */
const coarse = (count: number, seed: number) => {
  const random = new Philox(seed, 'init');
  return Float32Array.from({ length: count }, () => (random.int(9) - 4) / 8);
};

describe('Search', () => {
  const sizes = fc.record({
    count: fc.integer({ min: 1, max: 40 }),
    dim: fc.integer({ min: 1, max: 9 }),
    k: fc.integer({ min: 1, max: 50 }),
    seed: fc.nat(1000),
  });

  it('finds what sorting all finds, of equal distances the lower index first', () => {
    fc.assert(
      fc.property(sizes, ({ count, dim, k, seed }) => {
        const rows = { data: coarse(count * dim, seed), dim, scale: 1 };
        const query = coarse(dim, seed + 5000);
        expect(new Search(rows).nearest(query, k)).toEqual(byDefinition(rows, query, k));
      }),
    );
  });

  it('takes int8 values times their scale', () => {
    fc.assert(
      fc.property(sizes, ({ count, dim, k, seed }) => {
        const data = Int8Array.from(coarse(count * dim, seed), (value) => value * 8);
        const rows = { data, dim, scale: 1 / 8 };
        const query = coarse(dim, seed + 5000);
        expect(new Search(rows).nearest(query, k)).toEqual(byDefinition(rows, query, k));
      }),
    );
  });

  it('searches twice with the same result, whatever was searched between', () => {
    const search = new Search({ data: coarse(300 * 7, 1), dim: 7, scale: 1 });
    const first = search.nearest(coarse(7, 2), 10);
    search.nearest(coarse(7, 3), 300);
    expect(search.nearest(coarse(7, 2), 10)).toEqual(first);
  });

  it('gives distance 0 to an embedding that is in it', () => {
    const data = coarse(50 * 128, 4);
    const [nearest] = new Search({ data, dim: 128, scale: 1 }).nearest(data.slice(17 * 128, 18 * 128), 1);
    expect(nearest).toEqual({ index: 17, distance: 0 });
  });
});
