/** A run is repeated to its end, whatever its steps were; verify.long.test.ts has the rest. */
import path from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import { verifyRun } from '../../../src/runner/reproduce/verify.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(() => writeImageFolder(at('data')));

it.each<[string, Partial<RunOptions>, (line: { loss: number | null }) => boolean]>([
  ['whose scaled gradient overflows', { precision: 'fp16', lr: 1e-3 }, ({ loss }) => loss !== null],
  [
    'whose loss is NaN',
    { nanPolicy: 'skip', lr: 100, lrBeta: 0, seed: 6, filter: 'shifted' },
    ({ loss }) => loss === null,
  ],
])('a step that is left out, %s, comes out again as any other', async (name, options, isWanted) => {
  const out = at(name.replaceAll(' ', '-'));
  await trainSmall({ dataPath: at('data'), out, batchNum: 4, evalEvery: 0, stepsPerRun: 1, ...options });
  const lines = (await readMetrics(path.join(out, 'metrics.jsonl'))).filter((line) => line.kind === 'step');
  expect(lines.filter(({ skipped }) => skipped).filter(isWanted)).not.toEqual([]);
  expect(await verifyRun(out)).toMatchObject({ outcome: 'identical', curves: { steps: 4, onlyA: 0 } });
});
