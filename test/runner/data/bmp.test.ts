import { describe, expect, it } from 'vitest';
import { bmpSize, decodeBmp } from '../../../src/runner/data/bmp.js';
import { ImageDataError } from '../../../src/runner/data/raw-image.js';
import type { BmpParts } from '../../helpers/bmp.js';
import { bmp } from '../../helpers/bmp.js';

/** Black, red, green, blue as a palette has them: blue first. */
const four = [0, 0, 0, 0, 0, 0, 255, 0, 0, 255, 0, 0, 255, 0, 0, 0];
const colours: Record<string, number[]> = { k: [0, 0, 0], r: [255, 0, 0], g: [0, 255, 0], b: [0, 0, 255] };
const picture = (letters: string) => [...letters].flatMap((letter) => colours[letter]!);
const little = (...values: number[]) => values.flatMap((value) => [value & 255, value >> 8]);
const masks = (...values: number[]) => values.flatMap((value) => [...little(value & 0xffff), ...little(value >>> 16)]);

describe('decodeBmp', () => {
  it.each<[string, string, BmpParts]>([
    [
      '24 bits from below',
      'rgbkrg',
      { bits: 24, pixels: [0, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0, 0, 0, 0] },
    ],
    [
      '24 bits from the top',
      'krgrgb',
      { bits: 24, height: -2, pixels: [0, 0, 0, 0, 0, 255, 0, 255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 0, 255, 0, 0] },
    ],
    [
      '8 bits with a palette of 4, and a gap',
      'rgbkrg',
      { bits: 8, between: four, colours: 4, gap: 6, pixels: [0, 1, 2, 0, 1, 2, 3, 0] },
    ],
    [
      '4 bits of odd width',
      'rgbkrg',
      { bits: 4, between: four, colours: 4, pixels: [0x01, 0x20, 0, 0, 0x12, 0x30, 0, 0] },
    ],
    ['1 bit', 'rkrkkr', { bits: 1, between: four.slice(0, 8), pixels: [0b00100000, 0, 0, 0, 0b10100000, 0, 0, 0] }],
    [
      '16 bits, 5 of each',
      'rgbkrg',
      { bits: 16, pixels: [...little(0, 0x7c00, 0x3e0, 0), ...little(0x7c00, 0x3e0, 0x1f, 0)] },
    ],
    [
      '16 bits with masks of 5, 6 and 5',
      'rgbkrg',
      {
        bits: 16,
        compression: 3,
        between: masks(0xf800, 0x7e0, 0x1f),
        pixels: [...little(0, 0xf800, 0x7e0, 0), ...little(0xf800, 0x7e0, 0x1f, 0)],
      },
    ],
    [
      'runs of 8 bits',
      'rrrkgb',
      { bits: 8, compression: 1, between: four, colours: 4, pixels: [0, 3, 0, 2, 3, 0, 0, 0, 3, 1, 0, 1] },
    ],
    [
      'runs of 4 bits',
      'rgrkgb',
      { bits: 4, compression: 2, between: four, colours: 4, pixels: [0, 3, 0x02, 0x30, 0, 0, 3, 0x12, 0, 1] },
    ],
    [
      'runs that pass over pixels',
      'krrkkb',
      { bits: 8, compression: 1, between: four, colours: 4, pixels: [0, 2, 2, 0, 1, 3, 0, 0, 0, 2, 1, 0, 2, 1, 0, 1] },
    ],
  ])('reads %s', (_, letters, parts) => {
    const { data, ...size } = decodeBmp(bmp(parts));
    expect(size).toEqual({ width: 3, height: 2, channels: 3 });
    expect([...data]).toEqual(picture(letters));
  });

  it('scales the bits of a mask to the whole of 0 to 255', () => {
    const { data } = decodeBmp(bmp({ width: 1, height: 1, bits: 16, pixels: little(0b0_10000_00001_11110) }));
    expect([...data]).toEqual([16, 1, 30].map((value) => Math.round((255 * value) / 31)));
  });

  it('reads alpha, and takes an image without any opaque pixel for opaque', () => {
    const alpha = { width: 2, height: 1, bits: 32, compression: 6, between: masks(0xff, 0xff00, 0xff0000, 0xff000000) };
    expect([...decodeBmp(bmp({ ...alpha, pixels: [1, 2, 3, 4, 5, 6, 7, 0] })).data]).toEqual([1, 2, 3, 4, 5, 6, 7, 0]);
    expect([...decodeBmp(bmp({ ...alpha, pixels: [1, 2, 3, 0, 5, 6, 7, 0] })).data]).toEqual([
      1, 2, 3, 255, 5, 6, 7, 255,
    ]);
    const plain = decodeBmp(bmp({ width: 2, height: 1, bits: 32, pixels: [1, 2, 3, 4, 5, 6, 7, 8] }));
    expect([plain.channels, ...plain.data]).toEqual([3, 3, 2, 1, 7, 6, 5]);
  });

  it('reads the header of OS/2', () => {
    const header = Buffer.alloc(26);
    header.write('BM');
    header.writeUInt32LE(26 + 6, 10);
    header.writeUInt32LE(12, 14);
    for (const [i, value] of [2, 1, 1, 1].entries()) header.writeUInt16LE(value, 18 + 2 * i);
    const file = Buffer.concat([header, Buffer.from([0, 0, 255, 255, 0, 0]), Buffer.from([0b01000000, 0, 0, 0])]);
    expect([...decodeBmp(new Uint8Array(file)).data]).toEqual(picture('rb'));
  });

  it.each<[string, BmpParts | number, RegExp]>([
    ['no bits', { bits: 7, pixels: [] }, /7 bits a pixel/],
    ['JPEG inside', { bits: 24, compression: 4, pixels: [] }, /compression 4 is not read/],
    ['no pixels', { bits: 24, pixels: [1, 2] }, /ends too early/],
    ['runs without an end', { bits: 8, compression: 1, between: four, colours: 4, pixels: [2, 1] }, /ends too early/],
    ['a colour of none', { bits: 8, between: four, colours: 4, pixels: [9, 9, 9, 9, 9, 9, 9, 9] }, /colour 9 of none/],
    ['no width', { width: 0, bits: 24, pixels: [] }, /0 x 2 pixels/],
    ['a negative width', { width: -3, bits: 24, pixels: [] }, /-3 x 2 pixels/],
    [
      'runs for a gigapixel',
      { width: 30_000, height: 30_000, bits: 8, compression: 1, between: four, colours: 4, pixels: [0, 1] },
      /of memory at once/,
    ],
    [
      'a line of two million pixels',
      { width: 2_000_000, height: 1, bits: 24, pixels: [] },
      /a side of it is of more than 1,048,576 pixels/,
    ],
    ['two gigapixels', { width: 50_000, height: 40_000, bits: 24, pixels: [] }, /of memory at once/],
    ['20 bytes', 20, /ends too early/],
  ])('refuses %s', (_, parts, reason) => {
    const bytes = typeof parts === 'number' ? bmp({ bits: 24, pixels: [] }).subarray(0, parts) : bmp(parts);
    expect(() => decodeBmp(bytes)).toThrow(ImageDataError);
    expect(() => decodeBmp(bytes)).toThrow(reason);
  });

  it('tells the size of a file that ends in its pixels', () => {
    expect(bmpSize(bmp({ bits: 24, pixels: [] }))).toEqual({ width: 3, height: 2, channels: 3 });
  });
});
