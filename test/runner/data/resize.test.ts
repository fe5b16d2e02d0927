/** Images that grow, beside PIL (test/golden/resize.py). */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import type { Resize, Squares } from '../../../src/graph/preprocessing.js';
import { wholeSquares } from '../../../src/graph/preprocessing.js';
import { decodeImage } from '../../../src/runner/data/decode.js';
import { pattern, temporaryFolder, writeFiles } from './images.js';

interface Golden {
  /** [0, 100, 200, 50] at twice its size. */
  row: number[];
  cases: { width: number; height: number; squares: Squares; pixels: string }[];
}

const golden = JSON.parse(await readFile(new URL('../../golden/resize.json', import.meta.url), 'utf8')) as Golden;
const folder = temporaryFolder();
const at = (name: string) => path.join(folder.path, name);

const picture = (width: number, height: number, value: (x: number, y: number, c: number) => number) =>
  sharp(
    Uint8Array.from({ length: width * height * 3 }, (_, i) => {
      const place = Math.floor(i / 3);
      return value(place % width, Math.floor(place / width), i % 3);
    }),
    { raw: { width, height, channels: 3 } },
  ).png();

/** As `draw` in resize.py. */
const drawn = (width: number, height: number) =>
  picture(width, height, (x, y, c) => (x * x * 7 + x * y * 13 + y * 29 + c * 85) % 256);

/** The first color of a row of the image. */
const rowOf = (pixels: Uint8Array, size: number, row = 0) =>
  [...pixels.subarray(row * size * 3, (row + 1) * size * 3)].filter((_, i) => i % 3 === 0);
const columnOf = (pixels: Uint8Array, size: number) => [...pixels].filter((_, i) => i % (3 * size) === 0);

describe('an image at twice its size', () => {
  const four = [0, 100, 200, 50];
  const right = [0, 25, 75, 125, 175, 163, 88, 50];

  it('is what PIL makes of it', async () => {
    expect(golden.row).toEqual(right);
    const square = picture(4, 4, (x) => four[x]!);
    await writeFiles(folder.path, { 'across.png': square, 'down.png': square.clone().rotate(90) });
    expect(rowOf(await decodeImage(at('across.png'), wholeSquares(8, 'stretch')), 8)).toEqual(right);
    const down = picture(4, 4, (_, y) => four[y]!);
    await writeFiles(folder.path, { 'down.png': down });
    expect(columnOf(await decodeImage(at('down.png'), wholeSquares(8, 'stretch')), 8)).toEqual(right);
  });

  it('is that while the other axis shrinks', async () => {
    await writeFiles(folder.path, {
      'wide.png': picture(4, 400, (x) => four[x]!),
      'tall.png': picture(400, 4, (_, y) => four[y]!),
    });
    expect(rowOf(await decodeImage(at('wide.png'), wholeSquares(8, 'stretch')), 8, 3)).toEqual(right);
    expect(columnOf(await decodeImage(at('tall.png'), wholeSquares(8, 'stretch')), 8)).toEqual(right);
  });

  it('is what it was for checkpoints of versions before 0.3', async () => {
    await writeFiles(folder.path, { 'across.png': picture(4, 4, (x) => four[x]!) });
    const shifted = await decodeImage(at('across.png'), wholeSquares(8, 'stretch', 'shifted'));
    expect(rowOf(shifted, 8)).toEqual([0, 0, 50, 100, 150, 200, 125, 50]);
  });
});

describe.each(['stretch', 'cover', 'contain'] as const)('%s', (mode: Resize) => {
  const cases = golden.cases.filter(({ squares }) => squares.resize === mode);

  it.each(cases)(
    '$width x $height become those of PIL, the middle $squares.imageSize of $squares.resizeTo',
    async (one) => {
      const { width, height, squares } = one;
      const name = `${width}x${height}.png`;
      await writeFiles(folder.path, { [name]: drawn(width, height) });
      const pixels = await decodeImage(at(name), squares);
      const expected = Buffer.from(one.pixels, 'base64');
      expect(pixels).toHaveLength(expected.length);
      const isShrunk = width > squares.resizeTo || height > squares.resizeTo;
      const differences = [...pixels].map((value, i) => Math.abs(value - expected[i]!));
      // libvips averages pixels before it shrinks by 4 or more, and takes what lies outside for the edge.
      expect(differences.reduce((a, b) => a + b, 0) / differences.length).toBeLessThan(isShrunk ? 4 : 1e-9);
    },
  );
});

describe('the middle of a square', () => {
  const squares: Squares[] = (['stretch', 'cover', 'contain'] as const).flatMap((resize) => [
    { imageSize: 12, resizeTo: 16, resize, filter: 'triangle' },
    { imageSize: 15, resizeTo: 16, resize, filter: 'triangle' },
  ]);
  const sizes = [
    [60, 40],
    [6, 9],
    [16, 16],
    [50, 7],
  ] as const;

  it.each(squares)('is cut out of the whole one: $resize, $imageSize of $resizeTo', async ({ imageSize, ...rest }) => {
    for (const [width, height] of sizes) {
      await writeFiles(folder.path, { 'a.png': pattern(width, height) });
      const whole = await decodeImage(at('a.png'), { ...rest, imageSize: rest.resizeTo });
      const start = Math.floor((rest.resizeTo - imageSize) / 2);
      const rows = Array.from({ length: imageSize }, (_, y) => {
        const begin = ((start + y) * rest.resizeTo + start) * 3;
        return [...whole.subarray(begin, begin + imageSize * 3)];
      });
      expect([...(await decodeImage(at('a.png'), { ...rest, imageSize }))]).toEqual(rows.flat());
    }
  });
});

it('of a long strip that is cropped, only what is seen is decoded, which is that of a short one', async () => {
  const strip = (length: number) =>
    sharp({ create: { width: length, height: 3, channels: 3, background: '#f00' } })
      .composite([
        { input: { create: { width: 3, height: 3, channels: 3, background: '#00f' } }, left: length / 2 - 1, top: 0 },
      ])
      .withMetadata({ orientation: 6 })
      .png({ compressionLevel: 1 });
  await writeFiles(folder.path, { 'long.png': strip(6_000_000), 'short.png': strip(60) });
  const [long, short] = await Promise.all(
    ['long.png', 'short.png'].map((name) => decodeImage(at(name), wholeSquares(8, 'cover'))),
  );
  expect(long).toEqual(short);
  expect([...short!.subarray(0, 3)]).toEqual([207, 0, 48]);
});

it('what is to be turned is turned before it grows', async () => {
  const upright = drawn(5, 9);
  await writeFiles(folder.path, { 'upright.png': upright });
  // 6: to be turned by 90 degrees clockwise.
  const turned = sharp(await sharp(at('upright.png')).rotate(270).png().toBuffer())
    .withMetadata({ orientation: 6 })
    .png();
  await writeFiles(folder.path, { 'turned.png': turned });
  for (const resize of ['stretch', 'cover', 'contain'] as const) {
    const [a, b] = await Promise.all(
      ['upright.png', 'turned.png'].map((name) => decodeImage(at(name), wholeSquares(16, resize))),
    );
    expect(b).toEqual(a);
  }
});

it('a drawing is drawn at the size that is wanted, not enlarged', async () => {
  const svg =
    '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="2" height="4" fill="#000"/></svg>';
  await writeFiles(folder.path, { 'half.svg': svg });
  const pixels = await decodeImage(at('half.svg'), wholeSquares(16, 'stretch'));
  expect(rowOf(pixels, 16)).toEqual([...new Array<number>(8).fill(0), ...new Array<number>(8).fill(255)]);
});
