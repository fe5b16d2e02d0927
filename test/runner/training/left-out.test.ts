/** What is counted and said of steps that are left out. */
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { loadCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { reasonOf } from '../../../src/runner/training/left-out.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const run = (out: string, options: Partial<RunOptions>) => ({
  ...{ dataPath: at('data'), out: at(out), lr: 1e-3, nanPolicy: 'skip' as const, evalEvery: 0 },
  ...options,
});
const notesOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.kind === 'note' ? [event.message] : [])).join('\n');

/** A checkpoint with finite parameters, whose every loss is infinite. */
async function deadNetwork(name: string, precision: 'fp16' | 'fp32'): Promise<string> {
  await trainSmall(run(name, { precision, epochs: 1, batchNum: 1 }));
  const { metadata, state } = await loadCheckpoint(at(name, 'checkpoint.safetensors'));
  state['beta']!.fill(3e38);
  const position = { epoch: 0, epochStep: 0, step: 1, best: null, leftOut: undefined };
  const layout = describeNetwork(metadata.options);
  await saveCheckpoint(at(`${name}.safetensors`), { layout, state, metadata: { ...metadata, ...position } });
  return at(`${name}.safetensors`);
}

beforeAll(() => writeImageFolder(at('data')));

it('a step is left out for its loss, or for its scaled gradient where a smaller scale is left to take', () => {
  expect(reasonOf({ loss: 1, lossScale: 2 })).toBe('overflow');
  expect(reasonOf({ loss: 1, lossScale: 1 })).toBe('notFinite');
  expect(reasonOf({ loss: 1 })).toBe('notFinite');
  expect([NaN, Infinity, null].map((loss) => reasonOf({ loss, lossScale: 2 ** 16 }))).toEqual(
    Array(3).fill('notFinite'),
  );
});

describe.each(['fp16', 'fp32'] as const)('a network whose every loss is infinite, in %s', (precision) => {
  it('ends with a warning, its steps counted apart from those that overflow, the scale as it was', async () => {
    const resume = await deadNetwork(`dead-${precision}`, precision);
    const before = (await loadCheckpoint(resume)).state['loss_scale'];
    const out = `dead-${precision}-on`;
    const ended = await trainSmall(run(out, { precision, epochs: 1, batchNum: 3, resume }));
    expect([ended.status, ended.leftOut]).toEqual(['done', { overflow: 0, notFinite: 3 }]);
    const { state, metadata } = await loadCheckpoint(ended.files.checkpoint!);
    expect(state['loss_scale']).toEqual(before);
    expect(metadata.leftOut).toEqual(ended.leftOut);
    expect(notesOf(ended.events)).toContain(
      `no step was taken: loss or gradient was not finite. The network is as after step 1, in ${ended.files.checkpoint} too, and ` +
        'nothing shows that it still learns. Try a lower --lr (now 0.001).',
    );
  });

  it('has no good checkpoint where none of its steps was taken', async () => {
    const resume = await deadNetwork(`ended-${precision}`, precision);
    const options = run(`ended-${precision}-on`, { precision, epochs: 9, batchNum: 6, resume });
    await expect(trainSmall(options)).rejects.toThrow(
      /20 steps in a row.* The last checkpoint is .*checkpoint\.safetensors \(step 19\), from which no step was taken: it may be no good\./,
    );
  });
});
