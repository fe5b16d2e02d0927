import { describe, expect, it } from 'vitest';
import { flipHorizontally } from '../../../src/runner/data/mirror.js';

/** [size, size, 3], of which no two bytes in a row are alike. */
const image = (size: number) =>
  Uint8Array.from({ length: size * size * 3 }, (_, i) => Math.imul(i + 1, 0x9e3779b1) >>> 24);

const mirrored = (pixels: Uint8Array, size: number) =>
  pixels.map((_, i) => {
    const [row, column, channel] = [Math.floor(i / (3 * size)), Math.floor(i / 3) % size, i % 3];
    return pixels[(row * size + size - 1 - column) * 3 + channel]!;
  });

describe('flipHorizontally', () => {
  it.each([1, 2, 3, 4, 5, 8, 12, 20, 30, 224])('mirrors %i px, wherever the pixels lie', (size) => {
    const pixels = image(size);
    for (const offset of [0, 1, 4, 6]) {
      const memory = new Uint8Array(offset + pixels.length + 5).fill(7);
      const inside = memory.subarray(offset, offset + pixels.length);
      inside.set(pixels);
      flipHorizontally(inside, size);
      expect(Buffer.compare(inside, mirrored(pixels, size))).toBe(0);
      expect(
        [...memory.subarray(0, offset), ...memory.subarray(offset + pixels.length)].every((byte) => byte === 7),
      ).toBe(true);
    }
  });
});
