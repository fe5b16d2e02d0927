import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { planBatches } from '../../../src/runner/data/batches.js';
import { openImageFolder } from '../../../src/runner/data/folder.js';
import { ImageLoader } from '../../../src/runner/data/loader.js';
import { prefetchRuns } from '../../../src/runner/data/prefetch.js';
import { pattern, temporaryFolder, writeFiles } from './images.js';

const folder = temporaryFolder();

beforeAll(async () => {
  for (let i = 0; i < 12; i++)
    await writeFiles(folder.path, { [`train/${i % 4}/${i}.jpg`]: pattern(50, 40 + i, 3, i) });
});

/** A digest of each step's data, from `from` on. */
async function steps(workers: number, cache: 'none' | 'ram', stepsARun: number, from = { epoch: 0, step: 0 }) {
  const set = await openImageFolder(folder.path, 'train');
  const plan = planBatches(set, { batchSize: 6, batchK: 2, smallClasses: 'error', seed: 5 });
  const loader = new ImageLoader({ imageSize: 16, resize: 'cover', workers, cache });
  const runs = prefetchRuns({
    plan,
    paths: set.images.map((image) => image.path),
    loader,
    from,
    epochs: 2,
    stepsPerEpoch: 3,
    stepsInNextRun: () => stepsARun,
    ahead: 2,
  });
  const digests: Record<string, string> = {};
  for await (const run of runs) {
    for (let i = 0; i < run.steps; i++) {
      const hash = createHash('sha256');
      for (const field of ['images', 'labels', 'uniforms'] as const) {
        const size = run[field].length / run.steps;
        hash.update(run[field].subarray(i * size, (i + 1) * size));
      }
      digests[`${run.epoch}.${run.step + i}`] = hash.digest('hex');
    }
  }
  await loader.close();
  return digests;
}

describe('the data of a training', () => {
  it('is the same for any number of workers, any cache and any length of runs', async () => {
    const expected = await steps(0, 'none', 1);
    expect(Object.keys(expected)).toEqual(['0.0', '0.1', '0.2', '1.0', '1.1', '1.2']);
    expect(new Set(Object.values(expected)).size).toBe(6);
    expect(await steps(2, 'none', 2)).toEqual(expected);
    expect(await steps(2, 'ram', 3)).toEqual(expected);
  });

  it('goes on after a stop as if there had been none', async () => {
    const expected = Object.entries(await steps(0, 'none', 3)).slice(2);
    expect(Object.entries(await steps(0, 'none', 2, { epoch: 0, step: 2 }))).toEqual(expected);
  });
});
