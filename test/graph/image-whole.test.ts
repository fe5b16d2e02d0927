/** A page takes and refuses the files that `dws embed` does, however many of their bytes there are. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Sharp } from 'sharp';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { wholeSquares } from '../../src/graph/preprocessing.js';
import { decodeImage } from '../../src/runner/data/decode.js';
import { isWholeImage } from '../../src/graph/image-whole.js';
import { bmp } from '../helpers/bmp.js';
import { pattern, temporaryFolder } from '../runner/data/images.js';

const folder = temporaryFolder();

const image = () => pattern(31, 23);

/** Two frames, one above the other. */
async function animated(): Promise<Sharp> {
  const pixels = Buffer.concat([
    await pattern(12, 10, 3, 1).raw().toBuffer(),
    await pattern(12, 10, 3, 2).raw().toBuffer(),
  ]);
  return sharp(pixels, { raw: { width: 12, height: 20, channels: 3, pageHeight: 10 } });
}

/** A PNG whose pixels lie in chunks of 300 bytes. */
async function manyChunks(): Promise<Buffer> {
  const png = await image().png().toBuffer();
  const at = png.indexOf('IDAT') - 4;
  const data = png.subarray(at + 8, at + 8 + png.readUInt32BE(at));
  const chunks: Buffer[] = [png.subarray(0, at)];
  for (let i = 0; i < data.length; i += 300) {
    const body = Buffer.concat([Buffer.from('IDAT'), data.subarray(i, i + 300)]);
    const [length, crc] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(body.length - 4);
    crc.writeUInt32BE(crc32(body));
    chunks.push(length, body, crc);
  }
  return Buffer.concat([...chunks, png.subarray(at + 12 + data.length)]);
}

function crc32(bytes: Uint8Array): number {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  }
  return ~crc >>> 0;
}

/** 40 rows of a run of 3 and one other pixel, or of a pixel, a step and three as they are; then the end. */
const runs = [
  ...Array.from({ length: 39 }, (_, i) => (i % 2 ? [3, 1, 1, 0, 0, 0] : [1, 1, 0, 3, 1, 0, 1, 0, 0, 0])).flat(),
  4,
  1,
  0,
  0,
  0,
  1,
];

const files: Record<string, () => Promise<Uint8Array> | Uint8Array> = {
  JPEG: () => image().jpeg().toBuffer(),
  'progressive JPEG': () => image().jpeg({ progressive: true }).toBuffer(),
  'gray JPEG with EXIF': () => image().grayscale().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
  PNG: () => image().png().toBuffer(),
  'interlaced PNG': () => image().png({ progressive: true }).toBuffer(),
  'PNG of 16 bits': () => image().toColourspace('rgb16').png().toBuffer(),
  'PNG in many chunks': manyChunks,
  GIF: () => image().gif().toBuffer(),
  'animated GIF': async () => (await animated()).gif().toBuffer(),
  WebP: () => image().webp().toBuffer(),
  'lossless WebP': () => image().webp({ lossless: true }).toBuffer(),
  'WebP with alpha': () => pattern(31, 23, 4).webp().toBuffer(),
  'animated WebP': async () => (await animated()).webp().toBuffer(),
  AVIF: () => image().avif({ effort: 0 }).toBuffer(),
  'BMP of 24 bits': () => bmp({ width: 5, height: 14, bits: 24, pixels: Array.from({ length: 14 * 16 }, (_, i) => i) }),
  'BMP of 1 bit': () =>
    bmp({ width: 37, height: 14, bits: 1, between: [0, 0, 0, 0, 9, 9, 9, 0], pixels: Array<number>(14 * 8).fill(85) }),
  'BMP in run lengths': () =>
    bmp({ width: 4, height: 40, bits: 8, compression: 1, colours: 2, between: [0, 0, 0, 0, 9, 9, 9, 0], pixels: runs }),
  'BMP in run lengths without an end': () =>
    bmp({
      width: 4,
      height: 40,
      bits: 8,
      compression: 1,
      colours: 2,
      between: [0, 0, 0, 0, 9, 9, 9, 0],
      pixels: runs.slice(0, -2),
    }),
};

/** Numbers of bytes that are tried: all near both ends, some between. */
function* lengthsOf(bytes: Uint8Array): Generator<number> {
  const step = Math.ceil(bytes.length / 40);
  for (let length = 40; length < bytes.length; length += length > bytes.length - 40 ? 1 : step) yield length;
  for (let length = bytes.length - 40; length <= bytes.length; length++) yield length;
}

async function isTaken(bytes: Uint8Array): Promise<boolean> {
  const file = path.join(folder.path, 'image');
  await writeFile(file, bytes);
  return decodeImage(file, wholeSquares(16, 'stretch')).then(
    () => true,
    () => false,
  );
}

describe('isWholeImage', () => {
  it.each(Object.entries(files))('tells of a %s what dws embed does, at any length', async (_, make) => {
    const bytes = await make();
    const [told, taken] = [[] as number[], [] as number[]];
    for (const length of lengthsOf(bytes)) {
      const part = bytes.slice(0, length);
      if (await isWholeImage(part)) told.push(length);
      if (await isTaken(part)) taken.push(length);
    }
    expect(told).toEqual(taken);
    expect(told).toContain(bytes.length);
    expect(told).not.toContain(bytes.length >> 1);
  });

  it.each(Object.entries(files))('takes a %s with anything after its end, as dws embed does', async (_, make) => {
    const bytes = await make();
    for (const rest of [Buffer.from([0]), Buffer.alloc(100, 'A'), Buffer.alloc(3000, 0xff)]) {
      const longer = Buffer.concat([bytes, rest]);
      expect([await isWholeImage(longer), await isTaken(longer)]).toEqual([true, true]);
    }
  });

  it('knows nothing of other files', async () => {
    expect(await isWholeImage(new Uint8Array(0))).toBe(true);
    expect(await isWholeImage(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'))).toBe(true);
  });
});
