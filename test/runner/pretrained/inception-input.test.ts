import { expect, it } from 'vitest';
import { imageNet } from '../../../src/graph/preprocessing.js';
import { foldInputScaling } from '../../../src/runner/pretrained/inception-input.js';

const [OUTPUTS, CHANNELS, PLANE] = [4, 3, 9];

const values = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => (Math.imul(i + 1 + 977 * seed, 0x9e3779b1) >>> 0) / 2 ** 32 - 0.5);

/** One window of a convolution, minus the running mean: [outputs]. */
const centered = (weight: Float32Array, mean: Float32Array, window: readonly number[]) =>
  Array.from(mean, (m, o) => window.reduce((sum, x, i) => sum + weight[o * CHANNELS * PLANE + i]! * x, -m));

it('gives on normalized images what the weights gave on images in [-1, 1]', () => {
  const weight = values(OUTPUTS * CHANNELS * PLANE, 0);
  const mean = values(OUTPUTS, 1);
  const pixels = Array.from(values(CHANNELS * PLANE, 2), (value) => value + 0.5);
  const channel = (i: number) => Math.floor(i / PLANE);
  const expected = centered(
    weight,
    mean,
    pixels.map((p) => (p - 0.5) / 0.5),
  );

  foldInputScaling(weight, mean, imageNet);
  const normalized = pixels.map((p, i) => (p - imageNet.mean[channel(i)]!) / imageNet.std[channel(i)]!);
  const folded = centered(weight, mean, normalized);
  folded.forEach((value, o) => expect(value).toBeCloseTo(expected[o]!, 6));
});

it("is torchvision's transform_input", () => {
  // One output of a 1x1 kernel: x0 * (0.229 / 0.5) + (0.485 - 0.5) / 0.5, and so on.
  const weight = Float32Array.of(1, 10, 100);
  const mean = Float32Array.of(7);
  foldInputScaling(weight, mean, imageNet);
  expect(weight).toEqual(Float32Array.of(0.229 / 0.5, 10 * (0.224 / 0.5), 100 * (0.225 / 0.5)));
  const shift = (0.485 - 0.5) / 0.5 + (10 * (0.456 - 0.5)) / 0.5 + (100 * (0.406 - 0.5)) / 0.5;
  expect(mean[0]).toBeCloseTo(7 - shift, 5);
});
