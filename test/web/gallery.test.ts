import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { GalleryInfo } from '../../src/graph/artifacts/gallery.js';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { Gallery } from '../../src/web/gallery.js';
import type { TestServer } from '../helpers/chromium.js';
import { serve } from '../helpers/chromium.js';
import { temporaryFolder, writeFiles } from '../runner/data/images.js';

const folder = temporaryFolder();
let server: TestServer;
beforeAll(async () => {
  server = await serve({ '/': folder.path });
});
afterAll(() => server.close());

const info: GalleryInfo = {
  format: 1,
  modelHash: '0123456789abcdef',
  model: 'resnet18',
  count: 5,
  dim: 2,
  dtype: 'float32',
  embeddings: 'embeddings.bin',
  ids: ['a/0.png', 'a/1.png', 'b/0.png', 'b/1.png', 'c/0.png'],
  labels: ['a', 'a', 'b', 'b', 'c'],
  map: 'map.bin',
  thumbs: { size: 32, columns: 2, rows: 2, sheets: ['thumbs/0.webp', 'thumbs/1.webp'] },
};
const values = [1, 0, 0.6, 0.8, 0, 1, 0, 1, -1, 0];
const places = [0, 0, 0.25, 0.5, 1, 1, 0.5, 0, 0.125, 0.75];
const bytesOf = ({ buffer }: Float32Array | Int8Array) => new Uint8Array(buffer);
const model = { modelHash: info.modelHash, embedDim: 2, model: 'resnet18' } as WebModelInfo;

const write = (changes: Partial<GalleryInfo> = {}, embeddings: Float32Array | Int8Array = Float32Array.from(values)) =>
  writeFiles(path.join(folder.path, 'gallery'), {
    'gallery.json': JSON.stringify({ ...info, ...changes }),
    'embeddings.bin': bytesOf(embeddings),
    'map.bin': bytesOf(Float32Array.from(places)),
  });
const load = (expected: WebModelInfo | undefined = model) => Gallery.load(`${server.origin}/gallery`, expected);
const error = (code: string) => expect.objectContaining({ name: 'DwsWebError', code });

beforeEach(() => write());

describe('Gallery', () => {
  it('gives the nearest images with their names, equal ones in their order', async () => {
    const gallery = await load();
    expect(gallery.search(Float32Array.of(0, 1), 3)).toEqual([
      { index: 2, id: 'b/0.png', label: 'b', distance: 0 },
      { index: 3, id: 'b/1.png', label: 'b', distance: 0 },
      { index: 1, id: 'a/1.png', label: 'a', distance: expect.closeTo(Math.hypot(0.6, 0.2), 6) as number },
    ]);
    expect(gallery.search(Float32Array.of(1, 0), 99).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4]);
  });

  it('reads int8 embeddings', async () => {
    await write(
      { dtype: 'int8', scale: 1 / 127 },
      Int8Array.from(values, (value) => Math.round(value * 127)),
    );
    const [first, second] = (await load()).search(Float32Array.of(1, 0), 2);
    expect(first).toEqual({ index: 0, id: 'a/0.png', label: 'a', distance: 0 });
    expect(second!.distance).toBeCloseTo(Math.hypot(0.4, 0.8), 2);
  });

  it('knows where the small images are, and the places on the map', async () => {
    const gallery = await load();
    const sheet = (n: number) => `${server.origin}/gallery/thumbs/${n}.webp`;
    expect(gallery.thumbnail(3)).toEqual({ sheet: sheet(0), x: 32, y: 32, size: 32 });
    expect(gallery.thumbnail(4)).toEqual({ sheet: sheet(1), x: 0, y: 0, size: 32 });
    expect(gallery.positions).toEqual(Float32Array.from(places));
  });

  it('does without a map, and without a model to compare with', async () => {
    await write({ map: undefined, modelHash: 'another' });
    expect((await Gallery.load(`${server.origin}/gallery/`)).positions).toBeUndefined();
  });

  it('refuses the gallery of another model', async () => {
    await expect(load({ ...model, modelHash: 'fedcba9876543210' })).rejects.toEqual(error('gallery-mismatch'));
    await expect(load({ ...model, modelHash: 'fedcba9876543210' })).rejects.toThrow(/resnet18 0123456789abcdef/);
    await expect(load({ ...model, embedDim: 128 })).rejects.toEqual(error('gallery-mismatch'));
    await expect(load({ ...model, embedDim: 128 })).rejects.toThrow(/2 dimensions, those of the model 128/);
  });

  it('refuses files that are cut short, missing or of another format', async () => {
    await write({}, Float32Array.from(values.slice(2)));
    await expect(load()).rejects.toEqual(error('bad-gallery'));
    await expect(load()).rejects.toThrow(/embeddings.bin has 32 bytes in place of 40/);
    await write({ map: 'nowhere.bin' });
    await expect(load()).rejects.toEqual(error('network'));
    const broken = [
      { format: 2 as never },
      { count: 6 },
      { dim: 0 },
      { count: 0, ids: [], labels: [], dim: 2 ** 40 },
      { dtype: 'float64' as never },
      { dtype: 'int8' as const },
      { labels: [] },
      { thumbs: { ...info.thumbs, sheets: ['thumbs/0.webp'] } },
      { thumbs: undefined },
    ];
    for (const changes of broken) {
      await write(changes);
      await expect(load(), JSON.stringify(changes)).rejects.toEqual(error('bad-gallery'));
    }
  });

  it.each(['../other.bin', '/other.bin', 'https://other.test/x', '//other.test/x', 'thumbs/../../x', '', '.'])(
    'asks for no file outside of its folder: %j',
    async (file) => {
      for (const changes of [
        { embeddings: file },
        { map: file },
        { thumbs: { ...info.thumbs, sheets: ['a', file] } },
      ]) {
        await write(changes);
        await expect(load()).rejects.toEqual(error('bad-gallery'));
      }
    },
  );

  it('refuses queries that do not fit', async () => {
    const gallery = await load();
    expect(() => gallery.search(Float32Array.of(1, 0, 0), 1)).toThrow(error('gallery-mismatch') as never);
    expect(() => gallery.search(Float32Array.of(1, NaN), 1)).toThrow(RangeError);
    for (const k of [0, 1.5, NaN]) expect(() => gallery.search(Float32Array.of(1, 0), k)).toThrow(RangeError);
  });
});
