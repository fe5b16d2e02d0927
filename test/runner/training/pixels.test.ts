/** What a training makes of its images, by the loss of its first step. */
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
let usual: number;

async function firstLoss(name: string, options: Partial<RunOptions>): Promise<number> {
  const small = { model: 'squeezenet1_1', batchNum: 1, epochs: 1 };
  const { files } = await trainSmall({ dataPath: at('data'), out: at(name), ...small, ...options });
  const step = (await readMetrics(files.metrics!)).find(({ kind }) => kind === 'step');
  return (step as { loss: number }).loss;
}

beforeAll(async () => {
  await writeImageFolder(at('data'));
  usual = await firstLoss('usual', {});
});

it.each<[string, Partial<RunOptions>]>([
  ['the middle of larger squares', { resizeTo: 48 }],
  ['another mean', { mean: [0.1, 0.9, 0.5] }],
  ['another deviation', { std: [0.5, 0.5, 0.5] }],
  ['no image mirrored', { flip: 0 }],
  ['images enlarged as before version 0.3', { filter: 'shifted' }],
])('is another one with %s', async (name, options) => {
  expect(await firstLoss(name, options)).not.toBe(usual);
});

it("is the same with ImageNet's statistics, and the size that is seen, as options", async () => {
  const same = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], resizeTo: 32, flip: 0.5 };
  expect(await firstLoss('same', same)).toBe(usual);
});
