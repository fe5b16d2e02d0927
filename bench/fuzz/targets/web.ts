/** What pages read from a server, and what the server of `dws demo` reads from pages. */
import { realpath, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import sharp from 'sharp';
import type { GalleryInfo } from '../../../src/graph/artifacts/gallery.js';
import { galleryFile } from '../../../src/graph/artifacts/gallery.js';
import type { WebModelInfo } from '../../../src/graph/artifacts/web-model.js';
import { webModelFile, webVariantNames } from '../../../src/graph/artifacts/web-model.js';
import { fileBelow, namesOf } from '../../../src/runner/shipping/demo-files.js';
import { Gallery } from '../../../src/web/gallery.js';
import { imageSize } from '../../../src/web/image-size.js';
import { loadHead, saveHead } from '../../../src/web/learn-file.js';
import { fetchHead } from '../../../src/web/learn-head.js';
import { loadInfo, variantOf } from '../../../src/web/model-info.js';
import { bmpHeader } from '../../../test/helpers/bmp.js';
import { mutateJson } from '../json.js';
import type { Target } from '../target.js';
import { bytesSeed, textSeed } from '../target.js';

const origin = 'http://server.test/';
const folderUrl = new URL(`${origin}models/icons/`);

const requireInside = (url: string): void => {
  if (!url.startsWith(folderUrl.href)) throw new Error(`asks for ${url}, outside of the folder`);
};

/** Runs `body` with a server that has some files in the folder, and answers 404 to all else. */
async function withServer(files: Record<string, Uint8Array>, body: () => Promise<void>): Promise<void> {
  const { fetch } = globalThis;
  const asked: string[] = [];
  globalThis.fetch = (input) => {
    const url = String(input);
    asked.push(url);
    const file = files[url.slice(folderUrl.href.length)];
    return Promise.resolve(file ? new Response(Uint8Array.from(file)) : new Response('', { status: 404 }));
  };
  try {
    await body();
  } finally {
    globalThis.fetch = fetch;
  }
  asked.forEach(requireInside);
}

const gallery: GalleryInfo = {
  ...{ format: 1, modelHash: '0123456789abcdef', model: 'resnet18', count: 3, dim: 2, dtype: 'float32' },
  ...{ embeddings: 'embeddings.bin', ids: ['a/0.png', 'a/1.png', 'b/0.png'], labels: ['a', 'a', 'b'], map: 'map.bin' },
  thumbs: { size: 32, columns: 2, rows: 1, sheets: ['thumbs/0.webp', 'thumbs/1.webp'] },
};
const packed: GalleryInfo = { ...gallery, dtype: 'int8', scale: 1 / 127, embeddings: 'packed.bin', map: undefined };

const model: WebModelInfo = {
  ...{ format: 1, modelHash: '0123456789abcdef', model: 'resnet18', imageSize: 64, featDim: 3, embedDim: 2 },
  ...{ resize: 'stretch', step: 9, recall: { 1: 0.5 } },
  variants: webVariantNames.map((name) => ({
    name,
    graph: `onnx/${name}.onnx`,
    weights: `onnx/${name}.bin`,
    bytes: 40,
  })),
  head: { weights: 'onnx/fp32.bin', weight: { offset: 0, shape: [2, 3] }, bias: { offset: 24, shape: [2] } },
};

async function readGallery(bytes: Uint8Array): Promise<void> {
  const files = {
    [galleryFile]: bytes,
    'embeddings.bin': new Uint8Array(24),
    'packed.bin': new Uint8Array(6),
    'map.bin': new Uint8Array(24),
  };
  await withServer(files, async () => {
    const read = await Gallery.load(folderUrl, model);
    for (const { index, id, label } of read.search(new Float32Array(read.info.dim), 5)) {
      if (typeof id !== 'string' || typeof label !== 'string') throw new Error('a neighbor without a name');
      const { sheet, x, y, size } = read.thumbnail(index);
      requireInside(sheet);
      if (![x, y, size].every(Number.isFinite)) throw new Error('a thumbnail nowhere');
    }
  });
}

async function readModel(bytes: Uint8Array): Promise<void> {
  await withServer({ [webModelFile]: bytes, 'onnx/fp32.bin': new Uint8Array(32) }, async () => {
    const info = await loadInfo(folderUrl, {});
    const { graph, weights } = variantOf(info, 'fp32');
    for (const file of [graph, weights, info.head.weights]) requireInside(new URL(file, folderUrl).href);
    const { params } = await fetchHead(new URL(info.head.weights, folderUrl), info);
    if (params.length !== info.embedDim * (info.featDim + 1)) throw new Error('a head of another size');
  });
}

/** Sharp writes none. */
const bitmap = new Uint8Array(bmpHeader({ width: 7, height: 5, bits: 24, pixels: 0 }));

async function images(): Promise<Uint8Array[]> {
  const image = () => sharp({ create: { width: 7, height: 5, channels: 4, background: '#1238' } });
  const made = [image().png(), image().jpeg(), image().gif(), image().webp(), image().webp({ lossless: true })];
  const flat = image().removeAlpha().webp();
  return [...(await Promise.all([...made, flat].map(async (each) => new Uint8Array(await each.toBuffer())))), bitmap];
}

export const web: Target[] = [
  {
    name: 'web-gallery',
    seeds: async () => [gallery, packed].map((info) => textSeed(JSON.stringify(info), mutateJson)),
    read: readGallery,
  },
  { name: 'web-model', seeds: async () => [textSeed(JSON.stringify(model), mutateJson)], read: readModel },
  {
    name: 'web-head',
    seeds: async () => {
      const file = saveHead({ featDim: 3, embedDim: 2, params: new Float32Array(8).fill(0.5) }, model);
      return [bytesSeed(new Uint8Array(await file.arrayBuffer()))];
    },
    read: async (bytes) => {
      const { params } = await loadHead(new Blob([Uint8Array.from(bytes)]), model);
      if (params.length !== 8 || params.some((value) => value !== 0.5)) throw new Error('another head than was saved');
    },
  },
  {
    name: 'image-size',
    seeds: async () => (await images()).map((each) => bytesSeed(each)),
    tokens: ['\xff\xd8\xff', '\xff\xc0', '\xff\xff', 'RIFF', 'WEBPVP8X', 'IHDR', 'BM'].map((text) =>
      Buffer.from(text, 'latin1'),
    ),
    read: async (bytes) => {
      const size = imageSize(bytes);
      if (size && !(Number.isInteger(size.width) && Number.isInteger(size.height))) throw new Error('no whole numbers');
      if (size && (size.width < 0 || size.height < 0)) throw new Error('a negative size');
    },
  },
  {
    name: 'demo-paths',
    seeds: async (folder) => {
      await writeFile(path.join(folder, '.hidden'), '');
      await writeFile(path.join(folder, 'dws.json'), '');
      await symlink('/etc', path.join(folder, 'link')).catch(() => undefined);
      return ['/dws.json', '/dws.json?a=/../b#c', '/link/passwd', '/a%20b/%2e%2e/c'].map((text) => textSeed(text));
    },
    tokens: [
      '../',
      '%2e',
      '%2f',
      '%5c',
      '%00',
      '/',
      '\\',
      '.',
      '.hidden',
      'link',
      'passwd',
      '?',
      '#',
      '%',
      '%c0%ae',
    ].map((text) => Buffer.from(text)),
    read: async (bytes, folder) => {
      const root = await realpath(folder);
      const names = namesOf(Buffer.from(bytes).toString('latin1'));
      const file = names && (await fileBelow(root, names));
      if (file !== undefined && (!file.startsWith(root + path.sep) || file.includes('.hidden')))
        throw new Error(`serves ${file}`);
    },
  },
];
