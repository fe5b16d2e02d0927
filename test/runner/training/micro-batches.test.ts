import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const run = (out: string) => ({ dataPath: at('data'), out: at(out), lr: 1e-3, microBatch: 3 });
const checkpointOf = (name: string) => at(name, 'checkpoint.safetensors');
const notesOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
const lossesOf = async (name: string) =>
  (await readMetrics(at(name, 'metrics.jsonl'))).flatMap((line) => (line.kind === 'step' ? [line.loss!] : []));

beforeAll(() => writeImageFolder(at('data')));

describe('a training in pieces', () => {
  it('has the losses of the whole batch, records the pieces, and resumes to the same bytes without being told of them', async () => {
    await trainSmall({ ...run('whole'), epochs: 2, microBatch: undefined });
    await trainSmall({ ...run('pieces'), epochs: 2 });
    await trainSmall({ ...run('resumed'), epochs: 1 });
    const resume = checkpointOf('resumed');
    await trainSmall({ ...run('resumed'), microBatch: undefined, epochs: 2, resume });
    const [whole, pieces] = await Promise.all(['whole', 'pieces'].map(lossesOf));
    expect(pieces).toHaveLength(whole!.length);
    pieces!.forEach((loss, i) => expect(Math.abs(loss - whole![i]!)).toBeLessThan(1e-5));
    const [once, twice] = await Promise.all(['pieces', 'resumed'].map((name) => readFile(checkpointOf(name))));
    expect(twice!.equals(once!)).toBe(true);
    expect((await loadCheckpoint(checkpointOf('pieces'))).metadata.options.microBatch).toBe(3);
    expect((await loadCheckpoint(checkpointOf('whole'))).metadata.options).not.toHaveProperty('microBatch');
  });

  it('says whose statistics batch normalization takes, unless they are frozen or there are none', async () => {
    const statistics = /^batch normalization takes the statistics of --micro-batch 2 images at a time, not of all 4/;
    const small = { epochs: 1, batchNum: 1, model: 'resnet18', microBatch: 2 };
    const { events } = await trainSmall({ ...run('own'), ...small });
    expect(notesOf(events)).toContainEqual(expect.stringMatching(statistics));
    const frozen = await trainSmall({ ...run('frozen'), ...small, freezeBn: true });
    expect(notesOf(frozen.events)).not.toContainEqual(expect.stringMatching(statistics));
    const none = await trainSmall({ ...run('none'), ...small, model: 'squeezenet1_1' });
    expect(notesOf(none.events)).not.toContainEqual(expect.stringMatching(statistics));
  });

  it('refuses pieces that are larger than the batch', async () => {
    await expect(trainSmall({ ...run('larger'), microBatch: 5 })).rejects.toThrow(
      '--micro-batch 5 is above --batch-size 4: it is how many images of a batch go through the network at a time. Give --micro-batch 4 for the whole batch at once, or less.',
    );
  });

  it('of a run that goes on are said to be too large for its new batch with what helps there', async () => {
    const larger = { ...run('shrunk'), batchSize: 8, microBatch: 6, batchNum: 1 };
    await trainSmall({ ...larger, epochs: 1 });
    const smaller = { ...larger, batchSize: 4, microBatch: undefined, epochs: 2, resume: checkpointOf('shrunk') };
    const said = 'Give --micro-batch 4 for the whole batch at once';
    await expect(trainSmall(smaller)).rejects.toThrow(said);
    await trainSmall({ ...smaller, microBatch: 4 });
  });

  it('tells a program how many images at a time, where that is not all', async () => {
    const startOf = ({ events }: { events: readonly TrainEvent[] }) => events.find(({ kind }) => kind === 'start');
    const one = { epochs: 1, batchNum: 1 };
    expect(startOf(await trainSmall({ ...run('told'), ...one }))).toMatchObject({ microBatch: 3 });
    expect(startOf(await trainSmall({ ...run('all'), ...one, microBatch: 4 }))).not.toHaveProperty('microBatch');
  });

  it.each([
    [1, '--micro-batch 1: batch normalization has a single value a channel in it'],
    [3, '--micro-batch 3, whose last piece of --batch-size 4 has 1 image: batch normalization has a single value'],
  ])('refuses pieces that leave batch normalization a single value: %i', async (microBatch, message) => {
    const single = { ...run(`single-${microBatch}`), model: 'resnet18', imageSize: 32, microBatch };
    await expect(trainSmall(single)).rejects.toThrow(message);
    await trainSmall({ ...single, epochs: 1, batchNum: 1, freezeBn: true });
  });
});
