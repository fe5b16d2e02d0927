/** Resizing inside the graph beside that of `decodeImage`. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { expect, it } from 'vitest';
import { GraphBuilder } from '../../../src/graph/builder/builder.js';
import { encodeModel } from '../../../src/graph/onnx/schema.js';
import { resizeImages } from '../../../src/graph/artifacts/resize.js';
import type { Filter, Squares } from '../../../src/graph/preprocessing.js';
import { filters, resizes, wholeSquares } from '../../../src/graph/preprocessing.js';
import { resizedPixels } from '../../../src/runner/data/resize.js';
import { pattern } from '../../runner/data/images.js';
import { openModel } from '../../helpers/graphs.js';

/** Width and height: smaller and larger than the results, of their size, much larger, and the thinnest. */
const sizes = [
  ...[17, 23, 64, 64, 100, 40, 40, 100, 128, 128, 300, 200, 700, 512, 257, 130, 63, 65, 1000, 31, 900, 901],
  ...[224, 224, 1, 5, 500, 3, 1, 1],
];
const pairs = Array.from({ length: sizes.length / 2 }, (_, i) => [sizes[2 * i]!, sizes[2 * i + 1]!] as const);

function resizeModel(squares: Squares): Uint8Array {
  const g = new GraphBuilder();
  g.output('y', resizeImages(g, g.input('x', 'float32', ['batch', 3, 'height', 'width']), squares));
  return encodeModel(g.model('resize'));
}

/** [height, width, 3] -> [3, height, width] */
function planesOf(pixels: Uint8Array, count: number): Float32Array {
  const planes = new Float32Array(3 * count);
  for (let i = 0; i < planes.length; i++) planes[i] = pixels[(i % count) * 3 + Math.floor(i / count)]!;
  return planes;
}

interface Difference {
  largest: number;
  mean: number;
}

async function difference(
  session: ort.InferenceSession,
  pixels: Buffer,
  [width, height]: readonly [number, number],
  squares: Squares,
): Promise<Difference> {
  const { imageSize: size } = squares;
  const x = new ort.Tensor('float32', planesOf(pixels, width * height), [1, 3, height, width]);
  const { y } = await session.run({ x });
  expect(y!.dims).toEqual([1, 3, size, size]);
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  const expected = await resizedPixels(image, await image.metadata(), squares);
  const actual = y!.data as Float32Array;
  const differences = planesOf(expected, size * size).map((value, i) => Math.abs(value - actual[i]!));
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  return { largest, mean: differences.reduce((a, b) => a + b, 0) / differences.length };
}

const picture = new URL('../../../docs/retrievals.png', import.meta.url);

const drawing = async () => {
  const image = sharp(await readFile(picture));
  return sharp(await image.flatten().resize(512).png({ compressionLevel: 0 }).toBuffer());
};

const wanted: [Filter, size: number, resizeTo: number][] = [
  ['triangle', 64, 64],
  ['triangle', 224, 224],
  ['triangle', 48, 57],
  ['shifted', 64, 64],
];
const cases = wanted.flatMap(([filter, size, resizeTo]) =>
  resizes.map((resize) => [filter, resize, size, resizeTo] as const),
);

it.each(cases)('%s, %s: is what decodeImage does, %i of %i px', async (filter, resize, imageSize, resizeTo) => {
  const squares = { imageSize, resizeTo, resize, filter };
  const session = await openModel(resizeModel(squares));
  const source = await drawing();
  for (const [width, height] of pairs) {
    const smooth = await source.clone().resize(width, height, { fit: 'fill' }).raw().toBuffer();
    const noise = await pattern(width, height).raw().toBuffer();
    for (const pixels of [smooth, noise]) {
      const { largest, mean } = await difference(session, pixels, [width, height], squares);
      expect(largest, `${width} x ${height}`).toBeLessThanOrEqual(2);
      expect(mean, `${width} x ${height}`).toBeLessThan(0.3);
    }
  }
  await session.release();
});

it.each(filters)('%s: rounds what shrinks before it enlarges the other axis', async (filter) => {
  const squares = wholeSquares(64, 'stretch', filter);
  const session = await openModel(resizeModel(squares));
  const mixed = [...[14, 87, 406, 15, 12, 368, 230, 20], ...[57, 74, 64, 20, 20, 64]];
  for (let i = 0; i < mixed.length; i += 2) {
    const [width, height] = [mixed[i]!, mixed[i + 1]!];
    const pixels = await pattern(width, height).raw().toBuffer();
    const { largest, mean } = await difference(session, pixels, [width, height], squares);
    expect(largest, `${width} x ${height}`).toBeLessThanOrEqual(1);
    expect(mean, `${width} x ${height}`).toBeLessThan(0.05);
  }
  await session.release();
});

it.each(resizes)('%s: an image that grows is that of decodeImage, but for halves that are rounded', async (resize) => {
  const squares = wholeSquares(64, resize);
  const session = await openModel(resizeModel(squares));
  const small = [
    [4, 4],
    [17, 23],
    [63, 50],
    [1, 64],
    [40, 2],
  ] as const;
  for (const [width, height] of small) {
    const pixels = await pattern(width, height).raw().toBuffer();
    const { largest, mean } = await difference(session, pixels, [width, height], squares);
    expect(largest, `${width} x ${height}`).toBeLessThanOrEqual(1);
    expect(mean, `${width} x ${height}`).toBeLessThan(0.01);
  }
  await session.release();
});

it('[0, 100, 200, 50] grows to what PIL makes of it', async () => {
  const session = await openModel(resizeModel(wholeSquares(8, 'stretch')));
  const row = Float32Array.from({ length: 3 * 16 }, (_, i) => [0, 100, 200, 50][i % 4]!);
  const { y } = await session.run({ x: new ort.Tensor('float32', row, [1, 3, 4, 4]) });
  expect([...(y!.data as Float32Array).subarray(0, 8)]).toEqual([0, 25, 75, 125, 175, 163, 88, 50]);
  await session.release();
});

it('takes the images of a batch alike', async () => {
  const session = await openModel(resizeModel(wholeSquares(16, 'stretch')));
  const [one, other] = [Float32Array.from({ length: 3 * 20 * 30 }, (_, i) => (i * 7) % 256), new Float32Array(1800)];
  const run = async (data: Float32Array, count: number) =>
    (await session.run({ x: new ort.Tensor('float32', data, [count, 3, 20, 30]) }))['y']!.data as Float32Array;
  const both = await run(Float32Array.of(...one, ...other), 2);
  expect([...both.subarray(0, 768)]).toEqual([...(await run(one, 1))]);
  expect(both.subarray(768).every((value) => value === 0)).toBe(true);
  await session.release();
});
