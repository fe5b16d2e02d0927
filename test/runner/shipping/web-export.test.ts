/** The folder that is put on a static server. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, readlink, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import ort from 'onnxruntime-node';
import * as ortWeb from 'onnxruntime-web';
import sharp from 'sharp';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import type { WebModelInfo, WebVariantName } from '../../../src/graph/artifacts/web-model.js';
import { saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { embedImages } from '../../../src/runner/evaluation/embed.js';
import { evaluate } from '../../../src/runner/evaluation/evaluate.js';
import { loadNetwork } from '../../../src/runner/checkpoints/trained-network.js';
import type { WebExport, WebExportOptions } from '../../../src/runner/shipping/web-export.js';
import { exportWeb } from '../../../src/runner/shipping/web-export.js';
import { modelHash } from '../../../src/runner/web-folder/model-hash.js';
import { decodeWhole } from '../../../src/runner/web-folder/pixels.js';
import { temporaryFolder, writeFiles } from '../data/images.js';
import { smallRun } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const training = {
  ...smallRun({ model: 'resnet18', dataPath: '', out: '' }),
  ...{ classes: 4, dropout: 0, learnBeta: true, provider: 'cpu' },
} satisfies TrainingOptions;
const plain: WebExportOptions = { variants: [], skipBad: false, workers: 0, threads: 1 };
const cpu = { device: 'cpu', deviceId: 0, threads: 1, workers: 0, skipBad: false } as const;
const write = (name: string, options: Partial<WebExportOptions> = {}, checkpoint = 'checkpoint.safetensors') =>
  exportWeb(at(checkpoint), at(name), { ...plain, ...options });

let images: string[];
let exported: WebExport;

/** Smooth pictures of different sizes, three of each class. */
async function writePictures(): Promise<string[]> {
  const sizes = [
    [17, 23],
    [32, 32],
    [100, 40],
    [64, 64],
    [90, 61],
    [200, 150],
  ] as const;
  const names = Array.from({ length: 12 }, (_, i) => `val/${Math.floor(i / 3)}/${i}.png`);
  for (const [i, name] of names.entries()) {
    const [width, height] = sizes[i % sizes.length]!;
    const few = Buffer.from(Array.from({ length: 48 }, (_, j) => Math.imul(j + 48 * i + 1, 0x9e3779b1) >>> 24));
    const picture = sharp(few, { raw: { width: 4, height: 4, channels: 3 } }).resize(width, height, { fit: 'fill' });
    await writeFiles(at('data'), { [name]: await picture.png().toBuffer() });
  }
  return names.map((name) => at('data', name));
}

async function save(name: string, seed: number): Promise<void> {
  const metadata = { epoch: 1, epochStep: 0, step: 2, seed, options: training, best: null };
  const runOptions = { resize: 'stretch', lr: 0.01, steps: [20, 40] };
  const state = initialState(training, seed);
  await saveCheckpoint(at(name), { layout: describeNetwork(training), state, metadata: { ...metadata, runOptions } });
}

beforeAll(async () => {
  await save('checkpoint.safetensors', 3);
  await save('other.safetensors', 4);
  images = await writePictures();
  await writeFiles(at('data'), { 'LICENSES.md': '# Where from\n\nDrawn by a loop.' });
  exported = await write('site', { variants: ['int8', 'fp16', 'int8'], dataPath: at('data') });
});

const read = (name: string) => readFile(at('site', name));
const readJson = async (name: string) => JSON.parse((await read(name)).toString()) as Record<string, unknown>;

async function lowestCosine(run: (file: string) => Promise<Float32Array>): Promise<number> {
  const { embeddings, dim } = await embedImages(at('checkpoint.safetensors'), images, cpu);
  const cosines: number[] = [];
  for (const [i, file] of images.entries()) {
    const actual = await run(file);
    cosines.push(actual.reduce((sum, value, j) => sum + value * embeddings[i * dim + j]!, 0));
  }
  return Math.min(...cosines);
}

describe('the folder', () => {
  it('has all files, and nothing is left beside it', async () => {
    expect((await readdir(at('site'))).sort()).toEqual([
      ...['README.md', 'config.json', 'dws.json', 'onnx', 'preprocessor_config.json'],
    ]);
    const variants = ['', '_fp16', '_int8'];
    const files = variants.flatMap((v) => [`image${v}.onnx`, `model${v}.onnx`, `model${v}.onnx_data`]);
    expect((await readdir(at('site', 'onnx'))).sort()).toEqual(files.sort());
    expect((await readdir(folder.path)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('tells what a page needs to know', async () => {
    expect(await readJson('dws.json')).toEqual(JSON.parse(JSON.stringify(exported.info)));
    const { info } = exported;
    expect(info).toMatchObject({
      ...{ format: 1, model: 'resnet18', imageSize: 32, featDim: 16, embedDim: 8, resize: 'stretch', step: 2 },
    });
    expect(info.variants.map(({ name }) => name)).toEqual(['fp32', 'fp16', 'int8']);
    const [fp32, fp16, int8] = info.variants.map(({ bytes }) => bytes);
    expect(fp16! / fp32!).toBeLessThan(0.51);
    expect(int8! / fp32!).toBeLessThan(0.29);
    for (const { graph, weights, bytes } of info.variants) {
      expect((await read(graph)).length + (await read(weights)).length).toBe(bytes);
    }
  });

  it('carries the hash that a gallery computes from the checkpoint', async () => {
    const { modelHash: hash } = exported.info;
    expect(hash).toMatch(/^[0-9a-f]{16}$/);
    const network = await loadNetwork(at('checkpoint.safetensors'));
    expect(modelHash(network)).toBe(hash);
    const sha = createHash('sha256').update(await read('onnx/model.onnx_data'));
    expect(sha.update(JSON.stringify(network.network)).digest('hex').slice(0, 16)).toBe(hash);
    expect(modelHash(await loadNetwork(at('other.safetensors')))).not.toBe(hash);
  });

  it('says where the head lies in the weights', async () => {
    const { weights, weight, bias } = exported.info.head;
    const file = await read(weights);
    const { params, network } = await loadNetwork(at('checkpoint.safetensors'));
    const layout = describeNetwork(network).params.slice(-2);
    expect([weight.shape, bias.shape]).toEqual(layout.map(({ shape }) => shape));
    const values = (offset: number, count: number) =>
      new Float32Array(file.buffer.slice(file.byteOffset + offset), 0, count);
    expect([...values(weight.offset, 128), ...values(bias.offset, 8)]).toEqual([...params.subarray(-136)]);
  });
});

describe('what was measured', () => {
  it('is the recall of the checkpoint', async () => {
    const evaluation = await evaluate({ ...cpu, checkpoint: at('checkpoint.safetensors'), dataPath: at('data') });
    expect(exported.info.recall).toEqual(evaluation.recall);
    const [fp32, fp16, int8] = exported.info.variants;
    expect(fp32).toMatchObject({ recallAt1: evaluation.recall[1], cosine: { mean: expect.closeTo(1, 9) as number } });
    expect(fp16!.cosine!.lowest).toBeGreaterThan(0.9999);
    expect(int8!.cosine!.lowest).toBeGreaterThan(0.999);
    expect(int8!.cosine!.lowest).toBeLessThan(fp16!.cosine!.lowest);
  });

  it('is in the card, with the hyperparameters and the license of the images', async () => {
    const card = (await read('README.md')).toString();
    expect(card).toMatch(/^---\nlibrary_name: transformers\.js\npipeline_tag: image-feature-extraction\n/);
    expect(card).toContain('12 validation images of 4 classes');
    for (const row of ['| Recall@1 |', '| `lr` | 0.01 |', '| `steps` | 20,40 |', '| `margin` | 0.2 |', '| int8 |']) {
      expect(card).toContain(row);
    }
    expect(card).toContain('### Where from\n\nDrawn by a loop.');
    expect(card).not.toContain(folder.path);
  });

  it('is absent without images', async () => {
    const { info } = await write('unmeasured');
    expect(info).not.toHaveProperty('recall');
    expect(info.variants).toHaveLength(1);
    expect(info.variants[0]).not.toHaveProperty('cosine');
    const card = await readFile(at('unmeasured', 'README.md'), 'utf8');
    expect(card).toContain('Not measured');
    expect(card).toContain('Not recorded');
    expect(card).not.toContain('undefined');
  });
});

const bounds: [WebVariantName, number][] = [
  ['fp32', 0.9999],
  ['fp16', 0.999],
  ['int8', 0.999],
];

describe.each(bounds)('%s', (variant, bound) => {
  const filesOf = (info: WebModelInfo) => info.variants.find(({ name }) => name === variant)!;

  it('gives the embeddings of dws embed in onnxruntime-node', async () => {
    const session = await ort.InferenceSession.create(at('site', filesOf(exported.info).graph), {
      intraOpNumThreads: 1,
    });
    const lowest = await lowestCosine(async (file) => {
      const { data, width, height } = await decodeWhole(file);
      const { embeddings } = await session.run({ image: new ort.Tensor('uint8', data, [1, height, width, 3]) });
      return embeddings!.data as Float32Array;
    });
    await session.release();
    expect(lowest).toBeGreaterThan(bound);
  });

  it("and in onnxruntime-web's wasm", async () => {
    const { graph, weights } = filesOf(exported.info);
    ortWeb.env.wasm.numThreads = 1;
    const session = await ortWeb.InferenceSession.create(await read(graph), {
      executionProviders: ['wasm'],
      externalData: [{ path: path.basename(weights), data: await read(weights) }],
    });
    const lowest = await lowestCosine(async (file) => {
      const { data, info } = await sharp(file).ensureAlpha().raw().toBuffer({ resolveWithObject: true });
      const image = new ortWeb.Tensor('uint8', new Uint8Array(data), [1, info.height, info.width, 4]);
      return (await session.run({ image }))['embeddings']!.data as Float32Array;
    });
    await session.release();
    expect(lowest).toBeGreaterThan(bound);
  });
});

describe('an existing folder', () => {
  it('that an export wrote is replaced; its gallery stays with the same model only', async () => {
    await write('again', { variants: ['fp16'] });
    await writeFiles(at('again'), { 'gallery/gallery.json': '{}' });
    expect(await write('again')).toMatchObject({ droppedGallery: false });
    expect(await readdir(at('again', 'onnx'))).not.toContain('model_fp16.onnx');
    expect(await readdir(at('again', 'gallery'))).toEqual(['gallery.json']);
    expect(await write('again', {}, 'other.safetensors')).toMatchObject({ droppedGallery: true });
    expect(await readdir(at('again'))).not.toContain('gallery');
  });

  it.runIf(process.platform !== 'win32')('that is a link stays one, and so does a gallery that is a link', async () => {
    await writeFiles(at('disk'), { 'pictures/gallery.json': '{}' });
    await symlink('disk/site', at('link'));
    await write('link');
    await symlink('../pictures', at('disk', 'site', 'gallery'));
    await write('link');
    expect([await readlink(at('link')), await readlink(at('link', 'gallery'))]).toEqual(['disk/site', '../pictures']);
    expect((await readdir(at('disk'))).sort()).toEqual(['pictures', 'site']);
    expect(await readdir(at('link', 'gallery'))).toEqual(['gallery.json']);
  });

  it('that is empty is filled', async () => {
    await mkdir(at('empty'));
    await write('empty');
    expect(await readdir(at('empty'))).toContain('dws.json');
  });

  it.each([
    ['is another one', 'holds no exported model (dws.json)', { 'thesis.txt': 'all of it' }],
    ["has another program's dws.json", 'holds no exported model', { 'dws.json': '{"format": "x"}' }],
    ['holds more', 'which would be lost: index.html', { 'dws.json': '{"format": 1}', 'index.html': '' }],
  ] as const)('that %s is left alone', async (name, message, files) => {
    const target = name.replaceAll(/\W/g, '-');
    await writeFiles(at(target), files);
    await expect(write(target)).rejects.toThrow(message);
    expect((await readdir(at(target))).sort()).toEqual(Object.keys(files).sort());
  });

  it('that is a file is refused', async () => {
    await writeFile(at('file'), 'text');
    await expect(write('file')).rejects.toThrow(/can't write to the folder .*file.*ENOTDIR/);
  });
});

describe('nothing is written', () => {
  const nothing = async (name: string) => {
    expect((await readdir(folder.path)).filter((entry) => entry.startsWith(name))).toEqual([]);
  };

  it('when the checkpoint is missing', async () => {
    await expect(write('never', {}, 'nowhere.safetensors')).rejects.toThrow(/can't read .*nowhere\.safetensors/);
    await nothing('never');
  });

  it('when the images are missing or broken', async () => {
    await expect(write('never', { dataPath: at('nowhere') })).rejects.toThrow(/nowhere/);
    await writeFiles(at('broken'), { 'val/a/1.png': 'no image', 'val/a/2.png': await readFile(images[0]!) });
    await writeFiles(at('broken'), {
      'val/b/1.png': await readFile(images[3]!),
      'val/b/2.png': await readFile(images[4]!),
    });
    await expect(write('never/site', { dataPath: at('broken') })).rejects.toThrow(/1\.png/);
    await nothing('never');
    expect((await write('skipped', { dataPath: at('broken'), skipBad: true })).info.recall).toBeDefined();
  });

  it('when it is told to stop', async () => {
    const controller = new AbortController();
    const options = { ...plain, dataPath: at('data') };
    const writing = exportWeb(at('checkpoint.safetensors'), at('never', 'site'), options, {
      signal: controller.signal,
      onProgress: (stage, done) => stage === 'measure' && done === 2 && controller.abort(),
    });
    await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
    await nothing('never');
  });
});
