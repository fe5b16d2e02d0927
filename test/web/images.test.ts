/** What Node.js can do of it; chromium.test.ts has the rest. */
import { describe, expect, it } from 'vitest';
import { pixelLimit, readImage } from '../../src/web/images.js';
import { pattern } from '../runner/data/images.js';

const code = (expected: string) => expect.objectContaining({ name: 'DwsWebError', code: expected });

describe('readImage', () => {
  it('gives opaque pixels back as they are', async () => {
    const data = new Uint8ClampedArray([1, 2, 3, 255, 4, 5, 6, 255]);
    const pixels = await readImage({ data, width: 2, height: 1 });
    expect(pixels.data).toBe(data);
  });

  it('lays pixels with alpha on white and leaves the given ones alone', async () => {
    const data = new Uint8Array([10, 20, 30, 0, 10, 20, 30, 51, 10, 20, 30, 255]);
    const before = data.slice();
    const { data: laid } = await readImage({ data, width: 3, height: 1 });
    expect([...laid]).toEqual([255, 255, 255, 255, 206, 208, 210, 255, 10, 20, 30, 255]);
    expect(data).toEqual(before);
  });

  it('refuses a PNG of 100 megapixels by its header', async () => {
    const png = await pattern(8, 8).png().toBuffer();
    png.writeUInt32BE(10_000, 16);
    png.writeUInt32BE(10_000, 20);
    await expect(readImage(new Blob([png]))).rejects.toEqual(code('too-large'));
    await expect(readImage(new Blob([png]))).rejects.toThrow(/100 megapixels \(10000 x 10000\); 50 are the most/);
  });

  it('refuses a JPEG in CMYK, with a profile and without', async () => {
    for (const image of [pattern(8, 8), pattern(8, 8).withIccProfile('cmyk')]) {
      const jpeg = await image.toColourspace('cmyk').jpeg().toBuffer();
      await expect(readImage(new File([jpeg], 'print.jpg'))).rejects.toEqual(code('not-an-image'));
      await expect(readImage(new File([jpeg], 'print.jpg'))).rejects.toThrow(
        /print.jpg is a JPEG in CMYK.*Save it in RGB/,
      );
    }
  });

  it('refuses a file that is cut short', async () => {
    const jpeg = await pattern(50, 50).jpeg().toBuffer();
    const half = new File([jpeg.subarray(0, jpeg.length / 2)], 'photo.jpg');
    await expect(readImage(half)).rejects.toEqual(code('not-an-image'));
    await expect(readImage(half)).rejects.toThrow(/photo.jpg is cut short: its end is missing/);
  });

  it('refuses pixels above the limit and of the wrong length', async () => {
    const data = new Uint8Array(8);
    await expect(readImage({ data, width: pixelLimit + 1, height: 1 })).rejects.toEqual(code('too-large'));
    await expect(readImage({ data, width: 3, height: 1 })).rejects.toEqual(code('not-an-image'));
    await expect(readImage({ data, width: 0, height: 1 })).rejects.toEqual(code('not-an-image'));
    await expect(readImage({ data: new Uint16Array(8) as never, width: 2, height: 1 })).rejects.toEqual(
      code('not-an-image'),
    );
  });

  it.each([[undefined], [null], [42], [{}]])('refuses %s', async (nothing) => {
    await expect(readImage(nothing as never)).rejects.toEqual(code('not-an-image'));
  });
});
