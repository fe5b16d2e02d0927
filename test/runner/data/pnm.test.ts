import { describe, expect, it } from 'vitest';
import { decodePnm, pnmSize } from '../../../src/runner/data/pnm.js';
import { ImageDataError } from '../../../src/runner/data/raw-image.js';

const file = (header: string, ...pixels: number[]) =>
  new Uint8Array(Buffer.concat([Buffer.from(header, 'latin1'), Buffer.from(pixels)]));
const round = (value: number, maximum: number) => Math.round((255 * value) / maximum);

describe('decodePnm', () => {
  it.each<[string, Uint8Array, number, number[]]>([
    [
      'P1, without blanks between digits',
      file('P1\n# a comment\n3 # another\n2\n1 0 1\n010'),
      1,
      [0, 255, 0, 255, 0, 255],
    ],
    ['P2 of 10 values', file('P2 3 2 9 0 1 2 3 8 9'), 1, [0, 1, 2, 3, 8, 9].map((value) => round(value, 9))],
    [
      'P3 of 16 bits',
      file('P3\n1 2\n65535\n0 256 65535\n1000 0 128\n'),
      3,
      [0, 256, 65535, 1000, 0, 128].map((value) => round(value, 65535)),
    ],
    ['P4, each row on a byte of its own', file('P4 3 2\n', 0b10111111, 0b01000000), 1, [0, 255, 0, 255, 0, 255]],
    [
      'P5 whose first pixel looks like a blank',
      file('P5\n3 2\n255\n', 10, 32, 2, 3, 254, 255),
      1,
      [10, 32, 2, 3, 254, 255],
    ],
    ['P5 of 16 bits, the high byte first', file('P5 1 2 1023\n', 3, 255, 1, 0), 1, [255, round(256, 1023)]],
    [
      'P6',
      file('P6 2 1 200 ', 0, 100, 200, 255, 1, 2),
      3,
      [0, round(100, 200), 255, 255, round(1, 200), round(2, 200)],
    ],
    ['the first of two images', file('P5 1 1 255\n', 7, ...Buffer.from('P5 1 1 255\n'), 9), 1, [7]],
  ])('reads %s', (_, bytes, channels, pixels) => {
    const image = decodePnm(bytes);
    expect(image.channels).toBe(channels);
    expect([...image.data]).toEqual(pixels);
    expect(image.width * image.height * image.channels).toBe(pixels.length);
  });

  it.each<[string, RegExp]>([
    ['P5', /ends too early/],
    ['P5 3', /ends too early/],
    ['P5 3 x 255\n', /holds no height/],
    ['P5 0 3 255\n', /0 x 3 pixels/],
    ['P5 1 1 0\n0', /highest value is 0/],
    ['P5 1 1 65536\n0', /highest value is 65536/],
    ['P6 2 1 255\n12345', /ends too early/],
    ['P5 1 1 255#a\n0', /does not end with a blank/],
    ['P3 2 1 255\n1 2 3 4 5', /ends too early/],
    ['P3 1 1 255\n1 2 x 4', /no value of a pixel/],
    ['P1 2 1\n12', /neither 0 nor 1/],
    ['P5 99999999999999999999 99999999999999999999 255\n', /a side of it is of more than 1,048,576 pixels/],
    ['P5 100000 100000 255\n', /of memory at once/],
    ['P2 20000 20000 255\n1 2 3', /ends too early/],
  ])('refuses %j', (text, reason) => {
    expect(() => decodePnm(file(text))).toThrow(ImageDataError);
    expect(() => decodePnm(file(text))).toThrow(reason);
  });

  it('tells the size from the header alone', () => {
    expect(pnmSize(file('P6\n# made by hand\n640 480\n255\n'))).toEqual({ width: 640, height: 480, channels: 3 });
  });
});
