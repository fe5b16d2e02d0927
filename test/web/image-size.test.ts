import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { headerBytes, imageSize } from '../../src/web/image-size.js';
import { pattern } from '../runner/data/images.js';

const [width, height] = [301, 122];
const image = () => pattern(width, height);

const files: Record<string, () => Promise<Buffer>> = {
  PNG: () => image().png().toBuffer(),
  'interlaced PNG': () => image().png({ progressive: true }).toBuffer(),
  JPEG: () => image().jpeg().toBuffer(),
  'progressive JPEG': () => image().jpeg({ progressive: true }).toBuffer(),
  'JPEG with EXIF and a color profile': () => image().withMetadata({ orientation: 1 }).jpeg().toBuffer(),
  GIF: () => image().gif().toBuffer(),
  'lossy WebP': () => image().webp().toBuffer(),
  'lossless WebP': () => image().webp({ lossless: true }).toBuffer(),
  'WebP with metadata': () => image().withMetadata({ orientation: 1 }).webp().toBuffer(),
  'WebP with alpha': () => pattern(width, height, 4).webp().toBuffer(),
};

/** A bitmap's two headers, no pixels. */
function bmp(rows: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(54));
  view.setUint16(0, 0x424d);
  view.setUint32(14, 40, true);
  view.setInt32(18, width, true);
  view.setInt32(22, rows, true);
  return new Uint8Array(view.buffer);
}

describe('imageSize', () => {
  it.each(Object.entries(files))('reads a %s', async (_, make) => {
    expect(imageSize(await make())).toEqual({ width, height });
  });

  it('reads a BMP, bottom-up and top-down', () => {
    expect(imageSize(bmp(height))).toEqual({ width, height });
    expect(imageSize(bmp(-height))).toEqual({ width, height });
  });

  it('reads sizes up to what a format holds', async () => {
    const large = await sharp({ create: { width: 16383, height: 2, channels: 3, background: '#fff' } })
      .webp()
      .toBuffer();
    expect(imageSize(large)).toEqual({ width: 16383, height: 2 });
  });

  it('knows nothing of other files and of headers that are cut short', async () => {
    expect(imageSize(new Uint8Array(0))).toBeUndefined();
    expect(imageSize(new TextEncoder().encode('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBeUndefined();
    for (const make of Object.values(files)) {
      const bytes = await make();
      for (let length = 0; length < 40; length++) {
        const size = imageSize(bytes.subarray(0, length));
        if (size) expect(size).toEqual({ width, height });
      }
    }
  });

  it("ends on any bytes after a JPEG's start", () => {
    for (let seed = 0; seed < 200; seed++) {
      const bytes = Uint8Array.from({ length: 3000 }, (_, i) => Math.imul(i + seed * 7919, 0x9e3779b1) >>> 24);
      bytes.set([0xff, 0xd8, 0xff]);
      expect(() => imageSize(bytes)).not.toThrow();
    }
    expect(imageSize(new Uint8Array(headerBytes).fill(0xff))).toBeUndefined();
  });
});
