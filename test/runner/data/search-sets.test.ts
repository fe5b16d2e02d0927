import { describe, expect, it } from 'vitest';
import { describeSearch, searchSets } from '../../../src/runner/data/search-sets.js';

const [query, gallery, both] = [
  { isQuery: true, isGallery: false },
  { isQuery: false, isGallery: true },
  { isQuery: true, isGallery: true },
];
const images = (labels: number[]) => labels.map((label, i) => ({ path: `${i}.png`, label }));

describe('a search', () => {
  it('is of every image among all others where the data says nothing else', () => {
    const set = { images: images([0, 0, 1]) };
    expect(searchSets(set)).toEqual({ queries: Int32Array.of(0, 1, 2), gallery: Int32Array.of(0, 1, 2) });
    expect(describeSearch({ images: images([0, 0]) }).texts).toEqual([]);
  });

  it('says how many queries have nothing to find, and how high Recall@k can be', () => {
    const { alone, ceiling, texts } = describeSearch({ images: images([0, 0, 1, 2, 3]) });
    expect([alone, ceiling]).toEqual([3, 2 / 5]);
    expect(texts).toEqual([
      '3 of 5 queries have no other image of their class to find: no Recall@k can be above 0.4000. The other metrics leave them out.',
    ]);
  });

  it('is of the queries among the gallery, whose distractors are counted', () => {
    // Class 0: a query that lies in the gallery, too, and another image there. 1: a query alone. 2 and 3: distractors. 4: both sides.
    const set = {
      images: images([0, 0, 1, 2, 2, 3, 4, 4]),
      roles: [both, gallery, both, gallery, gallery, gallery, query, gallery],
    };
    expect(searchSets(set)).toEqual({ queries: Int32Array.of(0, 2, 6), gallery: Int32Array.of(0, 1, 2, 3, 4, 5, 7) });
    const { texts, ...counts } = describeSearch(set);
    expect(counts).toEqual({ queries: 3, gallery: 7, isApart: true, distractors: 3, alone: 1, ceiling: 2 / 3 });
    expect(texts[0]).toBe(
      '3 queries are searched among the 7 images of the gallery, 3 of which are of a class that no query has.',
    );
    expect(texts[1]).toContain('1 of 3 queries');
  });
});
