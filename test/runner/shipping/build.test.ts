import { existsSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { benchOptions } from '../../../bench/training.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { buildArtifactFiles } from '../../../src/runner/shipping/build.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();

it('models with a tensor that CUDA cannot count are refused, and nothing is written', async () => {
  const sizes = { imageSize: 224, batchSize: 680, batchK: 5, classes: 136 };
  const options = benchOptions({ model: 'vgg11', optimizer: 'sgd', provider: 'cuda', ...sizes });
  const out = path.join(folder.path, 'out');
  const building = buildArtifactFiles({ ...options, featDim: 16, embedDim: 8 }, out);
  await expect(building).rejects.toBeInstanceOf(UserError);
  await expect(building).rejects.toThrow(
    /^models for cuda: .* at base_net\.features\.0 .*Lower --batch-size or --image-size\.$/,
  );
  expect(existsSync(out)).toBe(false);
});

it('models whose batch normalization would have a single value in a piece are refused', async () => {
  const sizes = { imageSize: 32, batchSize: 10, batchK: 5, classes: 2 };
  const options = benchOptions({ model: 'resnet18', optimizer: 'sgd', provider: 'cpu', ...sizes });
  const building = buildArtifactFiles({ ...options, microBatch: 3 }, path.join(folder.path, 'single'));
  await expect(building).rejects.toThrow(/^--micro-batch 3, whose last piece of --batch-size 10 has 1 image: /);
});
