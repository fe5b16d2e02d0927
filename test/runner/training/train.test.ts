import { rmSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import type { Metrics } from '../../../src/runner/training/metrics-file.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const dataPath = () => at('data');

/** Three epochs of two steps, from here on compared with. */
const reference = { model: 'resnet18', epochs: 3, optimizer: 'adam', threads: 2, workers: 0, stepsPerRun: 1 } as const;
let result: Awaited<ReturnType<typeof trainSmall>>;

const filesOf = (name: string) =>
  Promise.all(['checkpoint.safetensors', 'best.safetensors'].map((file) => readFile(at(name, file))));

/** Bytes are compared here: a failing `toEqual` would print them. */
async function expectSameCheckpoints(name: string): Promise<void> {
  const [actual, expected] = [await filesOf(name), await filesOf('reference')];
  expect(actual.map((bytes, i) => bytes.equals(expected[i]!))).toEqual([true, true]);
  await Promise.all(['checkpoint.safetensors', 'best.safetensors'].map((file) => rm(at(name, file))));
}

const withoutTimes = (metrics: Metrics[]) =>
  metrics.map((line) => ({ ...line, ...(line.kind === 'step' && { step_seconds: 0, data_seconds: 0 }) }));

const ofKind = <Kind extends TrainEvent['kind']>(events: TrainEvent[], kind: Kind) =>
  events.filter((event): event is Extract<TrainEvent, { kind: Kind }> => event.kind === kind);

beforeAll(async () => {
  await writeImageFolder(dataPath());
  result = await trainSmall({ dataPath: dataPath(), out: at('reference'), ...reference });
});

describe('train', () => {
  it('tells what it does, and returns where things are', () => {
    const { events } = result;
    expect(result).toMatchObject({ status: 'done', epoch: 3, step: 6 });
    expect(result.files).toEqual({
      checkpoint: at('reference', 'checkpoint.safetensors'),
      best: at('reference', 'best.safetensors'),
      metrics: at('reference', 'metrics.jsonl'),
    });
    expect(ofKind(events, 'start')[0]).toMatchObject({
      classes: 4,
      images: 12,
      stepsPerEpoch: 2,
      epochs: 3,
      skipped: 0,
      precision: 'fp32',
    });
    expect(ofKind(events, 'check-progress').map(({ split, done }) => [split, done])).toEqual([
      ['train', 12],
      ['val', 12],
    ]);
    const steps = ofKind(events, 'steps');
    expect(steps.map(({ epoch, step, stepsDone }) => [epoch, step, stepsDone])).toEqual([
      [0, 1, 1],
      [0, 2, 2],
      [1, 3, 1],
      [1, 4, 2],
      [2, 5, 1],
      [2, 6, 2],
    ]);
    expect(steps.map(({ lr }) => lr)).toEqual([0.01, 0.01, 0.01, 0.01, 0.005, 0.005]);
    const evaluations = ofKind(events, 'eval');
    expect(evaluations.map(({ epoch, step }) => [epoch, step])).toEqual([
      [-1, 0],
      [0, 2],
      [1, 4],
      [2, 6],
    ]);
    expect(result.before).toEqual(evaluations[0]!.recall);
    expect(result.last).toEqual(evaluations[3]!.recall);
    expect(result.best!.recall).toBe(Math.max(...evaluations.slice(1).map(({ recall }) => recall[1]!)));
  });

  it('writes a line of metrics for each step and each evaluation', async () => {
    const metrics = await readMetrics(result.files.metrics!);
    expect(metrics.map(({ kind, epoch, step }) => `${kind} ${epoch} ${step}`)).toEqual([
      'eval -1 0',
      ...['step 0 1', 'step 0 2', 'eval 0 2'],
      ...['step 1 3', 'step 1 4', 'eval 1 4'],
      ...['step 2 5', 'step 2 6', 'eval 2 6'],
    ]);
    expect(metrics[1]).toMatchObject({ loss: expect.any(Number), pairs: expect.any(Number), lr: 0.01, lr_beta: 0.1 });
  });

  it('saves everything that decides the numbers, and nothing else', async () => {
    const { metadata } = await loadCheckpoint(result.files.checkpoint!);
    expect(metadata).toMatchObject({ epoch: 3, epochStep: 0, step: 6, seed: 7, best: result.best });
    expect(Object.keys(metadata.runOptions).sort()).toEqual(
      ['lr', 'lrBeta', 'factor', 'steps', 'threads', 'resize', 'filter', 'smallClasses', 'batchNum', 'images'].sort(),
    );
  });

  it('gives the same bytes again, with decoder threads and with more steps a run', async () => {
    await trainSmall({
      ...{ dataPath: dataPath(), out: at('again'), ...reference },
      ...{ workers: 4, cache: 'ram', stepsPerRun: 3 },
    });
    await expectSameCheckpoints('again');
    expect(withoutTimes(await readMetrics(at('again', 'metrics.jsonl')))).toEqual(
      withoutTimes(await readMetrics(result.files.metrics!)),
    );
  });

  it('gives the same bytes when it is stopped after epoch 2 and resumed', async () => {
    const run = { dataPath: dataPath(), out: at('stopped'), ...reference };
    expect(await trainSmall({ ...run, epochs: 2 })).toMatchObject({ status: 'done', epoch: 2 });
    const resumed = await trainSmall({ ...run, resume: at('stopped', 'checkpoint.safetensors') });
    expect(resumed).toMatchObject({ status: 'done', epoch: 3, step: 6, best: result.best });
    // From what the run wrote before: the checkpoint does not hold it.
    expect(resumed.before).toEqual(result.before);
    expect(ofKind(resumed.events, 'start')[0]!.before).toEqual(result.before);
    expect(ofKind(resumed.events, 'start')[0]!.resumedFrom).toEqual({ epoch: 2, epochStep: 0, step: 4 });
    expect(ofKind(resumed.events, 'note')).toEqual([]);
    await expectSameCheckpoints('stopped');
  });

  it('gives the same bytes when it is interrupted within an epoch and within an evaluation, and resumed', async () => {
    const run = { dataPath: dataPath(), out: at('interrupted'), ...reference };
    const first = await trainSmall(run, ({ kind }) => kind === 'steps');
    expect(first).toMatchObject({ status: 'interrupted', epoch: 0, step: 1 });
    const resume = first.files.checkpoint!;
    expect((await loadCheckpoint(resume)).metadata).toMatchObject({ epoch: 0, epochStep: 1, step: 1 });
    const second = await trainSmall({ ...run, resume }, ({ kind }) => kind === 'eval-progress');
    expect(second).toMatchObject({ status: 'interrupted', epoch: 0, step: 2 });
    expect((await loadCheckpoint(resume)).metadata).toMatchObject({ epoch: 0, epochStep: 2, step: 2 });
    expect(await trainSmall({ ...run, resume })).toMatchObject({ status: 'done', epoch: 3, step: 6 });
    await expectSameCheckpoints('interrupted');
    const metrics = withoutTimes(await readMetrics(at('interrupted', 'metrics.jsonl')));
    expect(metrics).toEqual(withoutTimes(await readMetrics(result.files.metrics!)));
  });

  it('has nothing to do when all epochs are finished', async () => {
    const { status, events, files } = await trainSmall({
      ...{ dataPath: dataPath(), out: at('finished'), ...reference },
      resume: result.files.checkpoint,
    });
    expect([status, files.checkpoint]).toEqual(['done', result.files.checkpoint]);
    expect(ofKind(events, 'note')[0]!.message).toMatch(/has finished 3 epochs, and --epochs is 3/);
  });

  it('saves nothing when it is interrupted before the first step', async () => {
    const { status, files } = await trainSmall(
      { dataPath: dataPath(), out: at('early'), ...reference },
      ({ kind }) => kind === 'check-progress',
    );
    expect([status, files.checkpoint]).toEqual(['interrupted', undefined]);
  });

  it('saves what it has when an image cannot be read any more', async () => {
    await writeImageFolder(at('vanishing'));
    const training = trainSmall(
      { dataPath: at('vanishing'), out: at('kept'), batchNum: 9, stepsPerRun: 1 },
      ({ kind }) => {
        if (kind === 'steps') rmSync(at('vanishing', 'train'), { recursive: true, force: true });
        return false;
      },
    );
    await expect(training).rejects.toThrow(
      /It could be read before the first step: put it back as it was, and go on with --resume auto\.$/,
    );
    const { epoch, epochStep, step } = (await loadCheckpoint(at('kept', 'checkpoint.safetensors'))).metadata;
    expect([epoch, epochStep]).toEqual([0, step]);
    expect(step).toBeGreaterThanOrEqual(1);
  });

  it('stops at a loss that is not finite, keeping the last good checkpoint', async () => {
    const before = await readFile(result.files.checkpoint!);
    const notes: string[] = [];
    const diverging = trainSmall(
      {
        dataPath: dataPath(),
        out: at('reference'),
        ...reference,
        epochs: 4,
        lr: 1e30,
        resume: result.files.checkpoint,
      },
      (event) => event.kind === 'note' && notes.push(event.message) < 0,
    );
    await expect(diverging).rejects.toThrow(
      /the loss of step 8 \(epoch 3\) is NaN.*last good checkpoint is kept: .*checkpoint\.safetensors \(step 6\).*--lr/,
    );
    expect(notes).toEqual([expect.stringMatching(/--lr 1e\+30 \(was 0\.01\)$/)]);
    expect((await readFile(result.files.checkpoint!)).equals(before)).toBe(true);
    expect((await readMetrics(result.files.metrics!)).at(-1)).toMatchObject({ kind: 'step', step: 8, loss: null });
  });

  it('does not save weights that the last step of an epoch has broken', async () => {
    const diverging = trainSmall({ dataPath: dataPath(), out: at('broken'), batchNum: 1, lr: 1e38, weightDecay: 1e30 });
    await expect(diverging).rejects.toThrow(/after step 1 .*not finite.*No checkpoint has been written yet.*--lr/);
    await expect(loadCheckpoint(at('broken', 'checkpoint.safetensors'))).rejects.toThrow('no such file');
  });
});
