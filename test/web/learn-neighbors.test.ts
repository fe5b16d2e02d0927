import { describe, expect, it } from 'vitest';
import { nearest, nearestOthers } from '../../src/web/learn-neighbors.js';

const points = [
  [0, 0],
  [3, 4],
  [3, 5],
  [0, 1],
].map((point) => Float32Array.from(point));

describe('neighbors', () => {
  it('are the closest by Euclidean distance, the query left out', () => {
    expect(nearestOthers(points)).toEqual([
      { index: 3, distance: 1 },
      { index: 2, distance: 1 },
      { index: 1, distance: 1 },
      { index: 0, distance: 1 },
    ]);
    expect(nearest(points[1]!, points)).toEqual({ index: 1, distance: 0 });
    expect(nearest(points[1]!, points.slice(0, 1))).toEqual({ index: 0, distance: 5 });
  });

  it('of equally close ones, the first is taken', () => {
    expect(nearest(Float32Array.of(0, 0.5), points)?.index).toBe(0);
  });

  it('of nothing, there is none', () => {
    expect(nearest(points[0]!, [])).toBeUndefined();
    expect(() => nearestOthers(points.slice(0, 1))).toThrow('alone');
  });
});
