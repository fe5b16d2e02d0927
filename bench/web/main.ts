/**
 * npm run bench -- web --checkpoint C --data-path DATA [--images 1000] [--sizes 50] [--webgpu-images 1000] [--devices wasm,webgpu]
 *
 * The model in Chromium beside `dws embed`: agreement on icons of many sizes and Recall@1 on images of DATA/val, by device and
 * variant; time to the first embedding, embeddings a second, bytes, search time. Prints what bench/results/web.md is made of; rows go
 * to stderr as they are measured.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { GalleryDtype } from '../../src/graph/artifacts/gallery.js';
import { galleryDtypes } from '../../src/graph/artifacts/gallery.js';
import { recallAtK } from '../../src/runner/evaluation/recall.js';
import { chromiumPath, needsChromium } from '../../test/helpers/chromium.js';
import { cosine } from '../../test/web/small-model.js';
import { measureModel, measureSearch, setups } from './browser.js';
import type { EmbeddedImages } from './inputs.js';
import { copySubset, drawSizes, variants, writeModel, writeRandomGallery } from './inputs.js';
import type { Agreement, ModelRow, SearchRow } from './report.js';
import { report } from './report.js';

const gallerySizes = [1000, 10_000, 100_000];

function agreementOf({ expected, dim }: EmbeddedImages, embeddings: readonly Float32Array[]): Agreement {
  const cosines = embeddings.map((values, i) => cosine(values, expected.subarray(i * dim, (i + 1) * dim)));
  return {
    lowest: Math.min(...cosines),
    mean: cosines.reduce((sum, value) => sum + value, 0) / cosines.length,
  };
}

async function recallAt1(names: readonly string[], embeddings: Float32Array, dim: number): Promise<number> {
  const classes = names.map((name) => path.dirname(name));
  const labels = Int32Array.from(classes, (name) => classes.indexOf(name));
  const recall = await recallAtK(embeddings, dim, labels, [1], { device: 'cpu', deviceId: 0, threads: 2 });
  return recall[1]!;
}

const flat = (rows: readonly Float32Array[], dim: number): Float32Array => {
  const all = new Float32Array(rows.length * dim);
  rows.forEach((row, i) => all.set(row, i * dim));
  return all;
};

async function searchRows(root: string): Promise<SearchRow[]> {
  const galleries = galleryDtypes.flatMap((dtype: GalleryDtype) => gallerySizes.map((count) => ({ dtype, count })));
  const names = galleries.map(({ dtype, count }) => `random-${dtype}-${count}`);
  for (const [i, { dtype, count }] of galleries.entries()) await writeRandomGallery(root, names[i]!, count, dtype);
  const times = await measureSearch(root, names);
  return galleries.map((gallery, i) => ({ ...gallery, ...times[i]! }));
}

export async function benchWeb(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      checkpoint: { type: 'string' },
      'data-path': { type: 'string' },
      images: { type: 'string', default: '1000' },
      sizes: { type: 'string', default: '50' },
      'webgpu-images': { type: 'string', default: '1000' },
      devices: { type: 'string', default: 'wasm,webgpu' },
    },
  });
  const { checkpoint, 'data-path': data } = values;
  if (checkpoint === undefined || data === undefined) throw new Error('give --checkpoint FILE and --data-path DATA');
  if (!chromiumPath) throw new Error(needsChromium.trim());
  const val = path.join(data, 'val');
  const [images, sizes, gpuImages] = [values.images, values.sizes, values['webgpu-images']].map(Number) as [
    number,
    number,
    number,
  ];
  const root = await mkdtemp(path.join(os.tmpdir(), 'dws-bench-web-'));
  try {
    const { info } = await writeModel(root, checkpoint);
    const subset = await copySubset(root, checkpoint, val, images);
    const formats: EmbeddedImages[] = [];
    for (const format of ['png', 'jpg', 'webp'] as const) {
      formats.push(await drawSizes(root, checkpoint, val, { count: sizes, format }));
    }
    const { dim } = subset;
    const search = await searchRows(root);
    const models: ModelRow[] = [];
    const devices = values.devices.split(',');
    for (const setup of setups.filter(({ device }) => devices.includes(device))) {
      const names = subset.names.slice(0, setup.device === 'webgpu' ? gpuImages : images);
      const expected = await recallAt1(names, subset.expected.slice(0, names.length * dim), dim);
      for (const variant of variants) {
        // How files are decoded has nothing to do with the model.
        const sized = setup === setups[0] && variant === 'fp32' ? formats : formats.slice(0, 1);
        const lists = [...sized.map((each) => each.names), names];
        const { cold, warm, embedded } = await measureModel(root, setup, variant, lists);
        const { embeddings, seconds } = embedded.at(-1)!;
        const row: ModelRow = {
          setup: setup.name,
          variant,
          cold,
          warm,
          perSecond: names.length / seconds,
          agreement: sized.map((each, i) => agreementOf(each, embedded[i]!.embeddings)),
          recall: { images: names.length, expected, found: await recallAt1(names, flat(embeddings, dim), dim) },
        };
        models.push(row);
        console.error(JSON.stringify(row));
      }
    }
    const command = `npm run bench -- web ${args.join(' ')}`;
    console.log(report({ command, info, models, search, sizes }));
  } finally {
    await rm(root, { recursive: true, force: true });
  }
}
