/** The library in Node.js, on ONNX Runtime's WebAssembly; chromium.test.ts has it in a browser. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WebModelInfo } from '../../src/graph/artifacts/web-model.js';
import { EmbeddingModel } from '../../src/web/model.js';
import type { TestServer } from '../helpers/chromium.js';
import { serve } from '../helpers/chromium.js';
import { temporaryFolder, truncated } from '../runner/data/images.js';
import type { SmallModel } from './small-model.js';
import { cosine, largestCosine, makeSmallModel, readRgba } from './small-model.js';

const folder = temporaryFolder();
let server: TestServer;
let small: SmallModel;
beforeAll(async () => {
  small = await makeSmallModel(folder.path, ['fp16', 'int8']);
  server = await serve({ '/': folder.path });
});
afterAll(() => server.close());

const load = (options: Parameters<typeof EmbeddingModel.load>[1] = {}, name = 'model') =>
  EmbeddingModel.load(`${server.origin}/${name}`, options);
const error = (code: string) => expect.objectContaining({ name: 'DwsWebError', code });
const pixelsOf = (name: string) => readRgba(path.join(small.images, name));

describe('embeddings', () => {
  it('of images of all sizes are those of dws embed', async () => {
    const model = await load();
    expect(largestCosine(small.expected.values())).toBeLessThan(0.9995);
    for (const [name, expected] of small.expected) {
      const embedding = await model.embed(await pixelsOf(name));
      expect(cosine(embedding, expected), name).toBeGreaterThan(0.9999);
      expect(Math.hypot(...embedding)).toBeCloseTo(1, 5);
    }
    await model.dispose();
  });

  it.each(['fp16', 'int8'] as const)('of %s weights are close to them', async (variant) => {
    const model = await load({ variant });
    for (const [name, expected] of small.expected) {
      const embedding = await model.embed(await pixelsOf(name));
      expect(cosine(embedding, expected), name).toBeGreaterThan(0.999);
    }
    await model.dispose();
  });

  it('of a batch are those of its images, whatever else is asked for meanwhile', async () => {
    const model = await load();
    const images = await Promise.all(['icons/small.png', 'icons/wide.png', 'icons/tall.png'].map(pixelsOf));
    const [batch, ...single] = await Promise.all([
      model.embedBatch(images),
      ...images.map((image) => model.embed(image)),
    ]);
    expect(batch).toEqual(single);
    expect(await model.embedBatch([])).toEqual([]);
    await model.dispose();
  });

  it('come with the features that the head takes', async () => {
    const model = await load();
    const { embedding, features } = await model.features(await pixelsOf('icons/large.png'));
    expect([embedding.length, features.length]).toEqual([model.info.embedDim, model.info.featDim]);
    expect(features.some((value) => value !== 0)).toBe(true);
    await model.dispose();
  });

  it('are refused for what is no image, and work goes on', async () => {
    const model = await load();
    const good = await pixelsOf('icons/same.png');
    await expect(model.embedBatch([good, { ...good, width: 3 }])).rejects.toEqual(error('not-an-image'));
    await expect(model.embed(good)).resolves.toHaveLength(16);
    await model.dispose();
    await expect(model.embed(good)).rejects.toThrow(/disposed/);
  });
});

describe('loading', () => {
  it('tells of its progress', async () => {
    const last = new Map<string, number>();
    const model = await load({ onProgress: ({ file, loaded }) => last.set(file, loaded) });
    const total = [...last.values()].reduce((sum, bytes) => sum + bytes, 0);
    expect([...last.keys()].sort()).toEqual(['onnx/image.onnx', 'onnx/model.onnx_data']);
    expect(total).toBe(model.info.variants[0]!.bytes);
    await model.dispose();
  });

  it('stops when it is aborted', async () => {
    const reason = new Error('enough');
    const controller = new AbortController();
    const onProgress = () => controller.abort(reason);
    await expect(load({ signal: controller.signal, onProgress })).rejects.toBe(reason);
  });

  it('never replaces the WebGPU that is missing', async () => {
    await expect(load({ device: 'webgpu' })).rejects.toEqual(error('no-webgpu'));
    await expect(load({ device: 'webgpu' })).rejects.toThrow(/device: 'wasm'/);
  });

  it('says how many threads it has, and why not more', async () => {
    const model = await load({ threads: 64 });
    expect(model.threads).toBeLessThan(64);
    expect(model.threadLimit).toMatch(/of 64 threads before, and keeps that many/);
    await model.dispose();
  });
});

/** A copy of the model's folder, spoiled. */
async function spoiled(name: string, spoil: (folder: string) => Promise<void>): Promise<string> {
  const copy = path.join(folder.path, name);
  await cp(small.model, copy, { recursive: true });
  await spoil(copy);
  return name;
}

async function changeInfo(copy: string, changes: Partial<WebModelInfo>): Promise<void> {
  const file = path.join(copy, 'dws.json');
  const info = JSON.parse(await readFile(file, 'utf8')) as WebModelInfo;
  await writeFile(file, JSON.stringify({ ...info, ...changes }));
}

describe('folders that can not be used', () => {
  it('a missing one', async () => {
    await expect(load({}, 'nowhere')).rejects.toEqual(error('network'));
    await expect(load({}, 'nowhere')).rejects.toThrow(/dws.json is not to be had: .* answers 404/);
  });

  it('without its weights', async () => {
    const name = await spoiled('bare', (copy) => rm(path.join(copy, 'onnx/model.onnx_data')));
    await expect(load({}, name)).rejects.toEqual(error('network'));
    await expect(load({}, name)).rejects.toThrow(/onnx\/model.onnx_data is not to be had/);
  });

  it.each(['image.onnx', 'model.onnx_data'])('with %s cut short', async (file) => {
    const target = (copy: string) => path.join(copy, 'onnx', file);
    const name = await spoiled(`cut-${file}`, async (copy) => {
      await truncated(path.join(small.model, 'onnx', file), target(copy), 0.7);
    });
    await expect(load({}, name)).rejects.toEqual(error('bad-model'));
    await expect(load({}, name)).rejects.toThrow(/damaged or of different exports/);
  });

  it('with something else for a graph', async () => {
    const name = await spoiled('foreign', async (copy) => {
      const file = path.join(copy, 'onnx/image.onnx');
      const bytes = await readFile(file);
      await writeFile(file, bytes.fill(0xab));
    });
    await expect(load({}, name)).rejects.toEqual(error('bad-model'));
    await expect(load({}, name)).rejects.toThrow(/can't open the model on wasm/);
  });

  it('of another format, or without the form that is asked for', async () => {
    const name = await spoiled('later', (copy) => changeInfo(copy, { format: 2 as never }));
    await expect(load({}, name)).rejects.toThrow(/has format 2, this program reads format 1/);
    const plain = await spoiled('plain', async (copy) => {
      const { variants } = JSON.parse(await readFile(path.join(copy, 'dws.json'), 'utf8')) as WebModelInfo;
      await changeInfo(copy, { variants: variants.slice(0, 1) });
    });
    await expect(load({ variant: 'int8' }, plain)).rejects.toThrow(/exported as fp32, not as int8/);
  });
});
