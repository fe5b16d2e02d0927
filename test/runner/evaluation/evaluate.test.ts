import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { loadNetwork } from '../../../src/runner/checkpoints/trained-network.js';
import { ComputeThread } from '../../../src/runner/compute/thread.js';
import { usableImages } from '../../../src/runner/data/check.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { holdNetwork } from '../../../src/runner/evaluation/embed.js';
import { evaluateOn } from '../../../src/runner/evaluation/evaluate.js';
import { writeCheckpoint } from '../../web/small-model.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const [query, gallery] = [
  { isQuery: true, isGallery: false },
  { isQuery: false, isGallery: true },
];

beforeAll(async () => {
  await writeCheckpoint(at('small.safetensors'));
  const names = ['broken', 'asked', 'same', 'other', 'alone', 'far'];
  // The second and the third show the same.
  const seeds = [0, 1, 1, 2, 3, 4];
  await writeFiles(
    at('images'),
    Object.fromEntries(names.map((name, i) => [`${name}.png`, pattern(20, 30, 3, seeds[i])])),
  );
  await writeFiles(at('images'), { 'broken.png': 'no image' });
});

it('searches the queries of a data set among its gallery, bad images left out of both', async () => {
  const images = [
    { name: 'broken', label: 0, role: query },
    { name: 'asked', label: 0, role: query },
    { name: 'same', label: 0, role: gallery },
    { name: 'other', label: 1, role: gallery },
    { name: 'alone', label: 2, role: query },
    { name: 'far', label: 0, role: gallery },
  ];
  const listed = {
    ...{ root: at('images'), split: 'val' as const, classes: ['a', 'b', 'c'] },
    images: images.map(({ name, label }) => ({ path: at('images', `${name}.png`), label })),
    roles: images.map(({ role }) => role),
  };
  const trained = await loadNetwork(at('small.safetensors'));
  const { network } = trained;
  const loader = new ImageLoader({ imageSize: network.imageSize, resize: 'stretch', workers: 0, cache: 'none' });
  const thread = new ComputeThread({ device: 'cpu', deviceId: 0, threads: 1 });
  try {
    await holdNetwork(thread, trained);
    const { set, skipped } = await usableImages(listed, loader, { skipBad: true });
    expect(skipped.map(({ path: file }) => path.basename(file))).toEqual(['broken.png']);
    const found = await evaluateOn(thread, network, set, loader, {}, { ks: [1, 50], metrics: 'all' });
    expect(found).toMatchObject({
      ...{ queries: 2, gallery: 3, isApart: true, distractors: 1, alone: 1, ceiling: 0.5 },
      recall: { 1: 0.5, 50: 0.5 },
      metrics: { precision_at_1: 1 },
    });
  } finally {
    await Promise.all([thread.close(), loader.close()]);
  }
});
