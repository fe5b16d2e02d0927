import { describe, expect, it } from 'vitest';
import { largestCosineBetween, smallestCosine } from '../../bench/torch/embeddings.js';

/** Three embeddings of 2 dimensions, at these angles in degrees. */
const at = (...angles: number[]) =>
  Float32Array.from(angles.flatMap((a) => [Math.cos((a * Math.PI) / 180), Math.sin((a * Math.PI) / 180)]));
const cosine = (degrees: number) => Math.cos((degrees * Math.PI) / 180);

describe('smallestCosine', () => {
  it('is 1 for the same embeddings', () => {
    expect(smallestCosine(at(0, 30, 90), at(0, 30, 90), 2)).toBeCloseTo(1, 6);
  });

  it('is that of the worst image', () => {
    expect(smallestCosine(at(0, 90, 180, 290), at(0, 90, 180, 270), 2)).toBeCloseTo(cosine(20), 5);
  });

  it('sees a small difference where all images are embedded much alike', () => {
    const [actual, expected] = [at(0.1, 0.2, 0.15), at(0, 0.1, 0.3)];
    expect(smallestCosine(actual, expected, 2)).toBeLessThan(0.9);
    expect(cosine(0.15)).toBeGreaterThan(0.99999);
  });

  it('is not a number where an embedding is not', () => {
    expect(smallestCosine(at(0, NaN), at(0, 30), 2)).toBeNaN();
  });

  it('refuses another number of images', () => {
    expect(() => smallestCosine(at(0, 30), at(0), 2)).toThrow('4 values instead of 2');
  });
});

it('largestCosineBetween is that of the two images closest to each other', () => {
  expect(largestCosineBetween(at(0, 90, 130, 200), 2)).toBeCloseTo(cosine(40), 6);
});
