/** Resizing inside the graph beside sharp's. */
import { readFile } from 'node:fs/promises';
import * as ort from 'onnxruntime-node';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/graph/builder.js';
import { encodeModel } from '../../src/graph/onnx/schema.js';
import { resizeImages } from '../../src/graph/resize.js';
import type { WebResize } from '../../src/graph/web-model.js';
import { pattern } from '../runner/data/images.js';
import { openModel } from '../helpers/graphs.js';

const fits = { stretch: 'fill', cover: 'cover', contain: 'contain' } as const;
const modes = Object.keys(fits) as WebResize[];
/** Width and height: smaller and larger than the results, of their size, much larger, and the thinnest. */
const sizes = [
  ...[17, 23, 64, 64, 100, 40, 40, 100, 128, 128, 300, 200, 700, 512, 257, 130, 63, 65, 1000, 31, 900, 901],
  ...[224, 224, 1, 5, 500, 3, 1, 1],
];
const pairs = Array.from({ length: sizes.length / 2 }, (_, i) => [sizes[2 * i]!, sizes[2 * i + 1]!] as const);

function resizeModel(size: number, mode: WebResize): Uint8Array {
  const g = new GraphBuilder();
  g.output('y', resizeImages(g, g.input('x', 'float32', ['batch', 3, 'height', 'width']), size, mode));
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
  size: number,
  mode: WebResize,
): Promise<Difference> {
  const x = new ort.Tensor('float32', planesOf(pixels, width * height), [1, 3, height, width]);
  const { y } = await session.run({ x });
  expect(y!.dims).toEqual([1, 3, size, size]);
  const expected = await sharp(pixels, { raw: { width, height, channels: 3 } })
    .resize(size, size, { fit: fits[mode], kernel: 'linear', background: '#ffffff' })
    .raw()
    .toBuffer();
  const actual = y!.data as Float32Array;
  const differences = planesOf(expected, size * size).map((value, i) => Math.abs(value - actual[i]!));
  const largest = differences.reduce((a, b) => Math.max(a, b), 0);
  return { largest, mean: differences.reduce((a, b) => a + b, 0) / differences.length };
}

const picture = new URL('../../docs/retrievals.png', import.meta.url);

describe.each(modes)('%s', (mode) => {
  it.each([64, 224])('is what sharp does, for %i px', async (size) => {
    const session = await openModel(resizeModel(size, mode));
    const drawing = sharp(
      await sharp(await readFile(picture))
        .flatten()
        .resize(512)
        .png({ compressionLevel: 0 })
        .toBuffer(),
    );
    for (const [width, height] of pairs) {
      const stretched = { fit: 'fill' } as const;
      const smooth = await drawing.clone().resize(width, height, stretched).raw().toBuffer();
      const noise = await pattern(width, height).raw().toBuffer();
      for (const pixels of [smooth, noise]) {
        const { largest, mean } = await difference(session, pixels, [width, height], size, mode);
        expect(largest, `${width} x ${height}`).toBeLessThanOrEqual(2);
        expect(mean, `${width} x ${height}`).toBeLessThan(0.3);
      }
    }
    await session.release();
  });
});

it('rounds what shrinks before it enlarges the other axis, as sharp does', async () => {
  const session = await openModel(resizeModel(64, 'stretch'));
  const mixed = [...[14, 87, 406, 15, 12, 368, 230, 20], ...[57, 74, 64, 20, 20, 64]];
  for (let i = 0; i < mixed.length; i += 2) {
    const [width, height] = [mixed[i]!, mixed[i + 1]!];
    const pixels = await pattern(width, height).raw().toBuffer();
    const { largest, mean } = await difference(session, pixels, [width, height], 64, 'stretch');
    expect(largest, `${width} x ${height}`).toBeLessThanOrEqual(1);
    expect(mean, `${width} x ${height}`).toBeLessThan(0.05);
  }
  await session.release();
});

it('takes the images of a batch alike', async () => {
  const session = await openModel(resizeModel(16, 'stretch'));
  const [one, other] = [Float32Array.from({ length: 3 * 20 * 30 }, (_, i) => (i * 7) % 256), new Float32Array(1800)];
  const run = async (data: Float32Array, count: number) =>
    (await session.run({ x: new ort.Tensor('float32', data, [count, 3, 20, 30]) }))['y']!.data as Float32Array;
  const both = await run(Float32Array.of(...one, ...other), 2);
  expect([...both.subarray(0, 768)]).toEqual([...(await run(one, 1))]);
  expect(both.subarray(768).every((value) => value === 0)).toBe(true);
  await session.release();
});
