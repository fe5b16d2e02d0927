import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { GalleryInfo } from '../../src/graph/artifacts/gallery.js';
import { GalleryFeatures } from '../../src/web/learn-gallery.js';
import { applyHead } from '../../src/web/learn-head.js';
import { normals, randomHead } from './learn-data.js';

const [count, featDim] = [50, 6];
const head = randomHead(featDim, 3);
const features = normals(count * featDim, 9);
const scale = 4 / 127;
const files: Record<string, Uint8Array> = {
  'features.bin': new Uint8Array(features.buffer),
  'int8.bin': new Uint8Array(Int8Array.from(features, (value) => Math.round(value / scale)).buffer),
  'nan.bin': new Uint8Array(features.map((value, i) => (i === 7 ? NaN : value)).buffer),
  'short.bin': new Uint8Array(features.buffer).subarray(4),
};
const info = {
  ...{ format: 1, count, dim: 3, dtype: 'float32' },
  ids: Array.from({ length: count }, (_, i) => `${i}.png`),
  labels: Array.from({ length: count }, (_, i) => `class ${i % 5}`),
  features: { file: 'features.bin', dim: featDim },
} as unknown as GalleryInfo;

const server = createServer((request, response) => {
  const file = files[request.url!.slice('/gallery/'.length)];
  response.writeHead(file ? 200 : 404).end(file);
});
const load = (changed: Partial<GalleryInfo> = {}) =>
  GalleryFeatures.load(`http://127.0.0.1:${(server.address() as AddressInfo).port}/gallery/`, { ...info, ...changed });
beforeAll(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)));
afterAll(() => void server.close());

const embeddings = Array.from({ length: count }, (_, i) =>
  applyHead(head, features.subarray(i * featDim, (i + 1) * featDim)),
);
const byDistance = (query: Float32Array) =>
  embeddings
    .map((embedding, index) => ({ index, distance: Math.hypot(...embedding.map((value, j) => value - query[j]!)) }))
    .sort((a, b) => a.distance - b.distance);

describe('a gallery by a learned head', () => {
  it('is searched among the images as the head embeds them', async () => {
    const learned = await (await load()).embed(head);
    const query = applyHead(head, normals(featDim, 10));
    const found = learned.search(query, 5);
    byDistance(query)
      .slice(0, 5)
      .forEach(({ index, distance }, i) => {
        expect(found[i]).toMatchObject({ index, id: `${index}.png`, label: `class ${index % 5}` });
        expect(found[i]!.distance).toBeCloseTo(distance, 5);
      });
    expect(learned.search(embeddings[7]!, 1)[0]).toMatchObject({ index: 7, distance: 0 });
  });

  it('is nearly the same with int8 features', async () => {
    const learned = await (
      await load({ dtype: 'int8', features: { file: 'int8.bin', dim: featDim, scale } })
    ).embed(head);
    for (const place of [0, 20, 49]) expect(learned.search(embeddings[place]!, 1)[0]!.index).toBe(place);
  });

  it('says in words what is missing or wrong', async () => {
    const failures: [Partial<GalleryInfo>, string, RegExp][] = [
      [{ features: undefined }, 'no-features', /Make it anew with dws gallery --features/],
      [{ features: { file: 'none.bin', dim: featDim } }, 'network', /none\.bin is not to be had/],
      [{ features: { file: 'short.bin', dim: featDim } }, 'bad-gallery', /1196 bytes in place of 1200/],
      [{ features: { file: '../features.bin', dim: featDim } }, 'bad-gallery', /Make it anew/],
      [{ features: { file: 'https://other.example/a', dim: featDim } }, 'bad-gallery', /Make it anew/],
      [{ features: { file: 'features.bin', dim: 0 } }, 'bad-gallery', /Make it anew/],
      [{ features: { file: 'features.bin', dim: featDim, scale: 2 } }, 'bad-gallery', /Make it anew/],
      [{ dtype: 'int8', features: { file: 'int8.bin', dim: featDim } }, 'bad-gallery', /Make it anew/],
      [{ features: [] as unknown as GalleryInfo['features'] }, 'bad-gallery', /Make it anew/],
    ];
    for (const [changed, code, message] of failures) {
      const wanted = { code, message: expect.stringMatching(message) as string };
      await expect(load(changed), JSON.stringify(changed)).rejects.toMatchObject(wanted);
    }
    const nan = await load({ features: { file: 'nan.bin', dim: featDim } });
    await expect(nan.embed(head)).rejects.toMatchObject({ code: 'bad-gallery' });
    await expect((await load()).embed(randomHead(5, 3))).rejects.toMatchObject({ code: 'gallery-mismatch' });
  });

  it('refuses queries that are none', async () => {
    const learned = await (await load()).embed(head);
    expect(() => learned.search(new Float32Array(4), 1)).toThrow(/4 values, not 3/);
    expect(() => learned.search(new Float32Array([1, NaN, 0]), 1)).toThrow(/not finite/);
    expect(() => learned.search(new Float32Array(3), 0)).toThrow(/k = 0/);
  });
});
