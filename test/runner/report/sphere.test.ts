import { describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import { distanceDensity } from '../../../src/runner/report/sphere.js';

/** By the midpoint rule. */
function integral(f: (x: number) => number, from: number, to: number, steps = 20_000): number {
  let sum = 0;
  for (let i = 0; i < steps; i++) sum += f(from + ((i + 0.5) * (to - from)) / steps);
  return (sum * (to - from)) / steps;
}

describe('distanceDensity', () => {
  it.each([3, 4, 5, 16, 128, 511, 512])('in %d dimensions has the total 1', (n) => {
    expect(integral(distanceDensity(n), 0, 2)).toBeCloseTo(1, 6);
  });

  it('has the total 1 on a circle as well, as far as its end without bound lets one compute it', () => {
    expect(integral(distanceDensity(2), 0, 2, 1_000_000)).toBeCloseTo(1, 2);
  });

  it('is d / 2 in three dimensions, where areas of caps grow with the squared distance', () => {
    for (const d of [0.1, 0.5, 1, 1.9]) expect(distanceDensity(3)(d)).toBeCloseTo(d / 2, 12);
  });

  it('has the mean square 2 of points that are at right angles on average', () => {
    for (const n of [3, 8, 64]) {
      const q = distanceDensity(n);
      expect(integral((d) => d * d * q(d), 0, 2)).toBeCloseTo(2, 5);
    }
  });

  it('tells how often random points are so near', () => {
    const [n, pairs, limit] = [6, 40_000, 1];
    const random = new Philox(5, 'init');
    const point = () => {
      const values = Array.from({ length: n }, () => random.normal());
      const length = Math.hypot(...values);
      return values.map((value) => value / length);
    };
    let near = 0;
    for (let i = 0; i < pairs; i++) {
      const [a, b] = [point(), point()];
      if (Math.hypot(...a.map((value, k) => value - b[k]!)) < limit) near++;
    }
    const expected = integral(distanceDensity(n), 0, limit);
    expect(Math.abs(near / pairs - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / pairs));
  });

  it('is 0 where there are no distances', () => {
    for (const d of [-1, 0, 2, 3]) expect(distanceDensity(16)(d)).toBe(0);
  });
});
