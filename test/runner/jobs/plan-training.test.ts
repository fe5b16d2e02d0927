import { existsSync } from 'node:fs';
import { readdir, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { lacksRoom, planText } from '../../../src/cli/plan-report.js';
import type { TrainingForecast } from '../../../src/runner/jobs/plan-training.js';
import { planTraining } from '../../../src/runner/jobs/plan-training.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { smallRun, trainSmall } from '../training/train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const planned = (options: Partial<Parameters<typeof smallRun>[0]> = {}) =>
  planTraining(smallRun({ dataPath: at('data'), out: at('planned'), batchNum: undefined, ...options }));

let forecast: TrainingForecast;

beforeAll(async () => {
  await writeImageFolder(at('data'));
  forecast = await planned({ epochs: 4, keep: 1 });
});

describe('a plan', () => {
  it('says how much there is to train on, and how many steps', () => {
    expect(forecast).toMatchObject({
      train: { images: 12, classes: 4 },
      val: { images: 12, classes: 4 },
      ...{ epochs: 4, stepsPerEpoch: 3, steps: 12, evaluations: 5 },
    });
  });

  it('writes nothing, not even the folder', () => {
    expect(existsSync(at('planned'))).toBe(false);
  });

  it('knows the disk that the training takes', async () => {
    const { files } = await trainSmall({ dataPath: at('data'), out: at('trained') });
    const { size } = await stat(files.checkpoint!);
    const { checkpoint, checkpoints, most, free } = forecast.disk;
    expect(Math.abs(checkpoint - size) / size).toBeLessThan(0.01);
    // The last, which is the one that is kept, and the best; and one that is written.
    expect([checkpoints, most]).toEqual([2 * checkpoint, 3 * checkpoint]);
    expect(free).toBeGreaterThan(most);
  });

  it('adds up the time of measured steps, evaluations and the check of the images', () => {
    const { step, decode, evaluation, check, total } = forecast.seconds!;
    for (const seconds of [step, decode, evaluation, check]) expect(seconds).toBeGreaterThan(0);
    expect(total).toBeCloseTo(check + 12 * Math.max(step, decode) + 5 * evaluation, 9);
  });

  it('of a run that goes on counts what is left, and of a finished one measures nothing', async () => {
    const resume = at('trained', 'checkpoint.safetensors');
    const out = at('trained');
    const rest = await planned({ resume, out, batchNum: 2, epochs: 3 });
    expect(rest).toMatchObject({ steps: 4, evaluations: 2 });
    const finished = await planned({ resume, out, batchNum: 2, epochs: 1 });
    expect(finished).toMatchObject({ steps: 0, evaluations: 0 });
    expect(finished.seconds).toBeUndefined();
    expect((await readdir(out)).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  });

  it('counts an evaluation every so many epochs, as the training makes them', async () => {
    expect(await planned({ epochs: 5, evalEvery: 2 })).toMatchObject({ evaluations: 3 });
    const resume = at('trained', 'checkpoint.safetensors');
    const rest = await planned({ resume, out: at('trained'), batchNum: 2, epochs: 4, evalEvery: 2 });
    expect(rest).toMatchObject({ steps: 6, evaluations: 2 });
  });

  it('without evaluations needs no validation images, and no disk for the best', async () => {
    await writeImageFolder(at('train-only'));
    await rm(at('train-only', 'val'), { recursive: true });
    const plan = await planned({ dataPath: at('train-only'), epochs: 2, evalEvery: 0, keep: 1 });
    expect(plan).toMatchObject({ val: { images: 0, classes: 0 }, evaluations: 0, seconds: { evaluation: 0 } });
    expect(plan.disk.checkpoints).toBe(plan.disk.checkpoint);
    await expect(planned({ dataPath: at('train-only') })).rejects.toThrow(/val/);
  });

  it('of batches in pieces says how many images are a piece, and what batch normalization takes', async () => {
    const pieces = await planned({ model: 'resnet18', microBatch: 2 });
    expect(pieces.advice).toContainEqual(
      expect.stringMatching(/^batch normalization takes the statistics of --micro-batch 2/),
    );
    expect(planText(pieces, [])).toMatch(/^plan .* of 4 images, 2 at a time$/m);
    expect(planText(forecast, [])).toMatch(/^plan .* of 4 images$/m);
  });

  it('refuses what the training would refuse', async () => {
    await expect(planned({ batchK: 3, batchSize: 10 })).rejects.toThrow(/^--batch-size 10 with --batch-k 3/);
    await expect(planned({ out: at('trained') })).rejects.toThrow(/holds a training already/);
    await expect(planned({ classes: 3 })).rejects.toThrow(/^--classes 3/);
  });

  it('counts no checkpoints of epochs that there are not, and none twice', async () => {
    const { disk } = await planned({ epochs: 2, keep: 3 });
    expect([disk.checkpoints, disk.most]).toEqual([2 * disk.checkpoint, 3 * disk.checkpoint]);
    await trainSmall({ dataPath: at('data'), out: at('kept'), batchNum: 1, epochs: 2, keep: 3 });
    const names = (await readdir(at('kept'))).filter((name) => name.endsWith('.safetensors'));
    const files = await Promise.all(names.map(async (name) => (await stat(at('kept', name))).ino));
    expect([names.length, new Set(files).size]).toEqual([4, 2]);
  });

  it('refuses a folder that the training could not write to, and leaves none', async () => {
    await writeFile(at('file'), '');
    for (const out of [at('file'), at('file', 'x')])
      await expect(planned({ out })).rejects.toThrow(/can't write to the folder .*file/);
    // Nothing can be made there, whoever asks.
    if (process.platform === 'linux')
      await expect(planned({ out: '/proc/x/y' })).rejects.toThrow(/can't write to the folder \/proc\/x\/y/);
    expect(await planned({ out: at('deep', 'er') })).toBeDefined();
    expect(existsSync(at('deep'))).toBe(false);
  });

  it('meets an image that cannot be read as the training does', async () => {
    await writeImageFolder(at('bad'), { classes: 2, images: 3 });
    await writeFile(at('bad/train/train-0/0.png'), 'no image');
    await expect(planned({ dataPath: at('bad') })).rejects.toThrow(/0\.png/);
    const plan = await planned({ dataPath: at('bad'), skipBad: true });
    expect(plan.seconds!.total).toBeGreaterThan(0);
  });

  it('counts the images that the training will use, and beside them what it leaves out', async () => {
    await writeImageFolder(at('counted'), { images: 4 });
    for (const name of ['train/train-0/0.png', 'train/train-1/0.png', 'val/val-0/0.png'])
      await writeFile(at('counted', name), 'no image');
    const options = { dataPath: at('counted'), skipBad: true, batchNum: undefined };
    const plan = await planned(options);
    const train = { images: 14, classes: 4, skipped: 2 };
    const val = { images: 15, classes: 4, skipped: 1 };
    expect(plan).toMatchObject({ train, val, stepsPerEpoch: 3 });
    const { events } = await trainSmall({ ...options, out: at('counted-run'), epochs: 1, evalEvery: 0 });
    expect(events.find(({ kind }) => kind === 'start')).toMatchObject({ ...train, stepsPerEpoch: 3 });
  });
});

describe('the plan as text', () => {
  const seconds = { step: 2, decode: 0.1, evaluation: 60, check: 30, total: 3600 };
  const disk = { folder: 'runs/a', checkpoint: 100e6, checkpoints: 200e6, most: 300e6 };
  const textOf = (free?: number) => planText({ ...forecast, seconds, disk: { ...disk, free } }, ['from a checkpoint']);

  it('tells mixed precision beside the device', () => {
    expect(planText({ ...forecast, precision: 'fp16' }, [])).toMatch(
      /^network .* on cpu, in mixed precision \(fp16\)$/m,
    );
  });

  it('tells everything in a few lines', () => {
    expect(textOf(5e9).split('\n')).toEqual([
      expect.stringMatching(/^network {2}squeezenet1_1 at 32 px, [\d,]+ parameters, on cpu$/),
      'data     train: 12 images of 4 classes; val: 12 images of 4 classes',
      'plan     4 epochs of 3 steps of 4 images',
      'disk     100.0 MB a checkpoint, 200.0 MB in all and 300.0 MB while one is written; 5.0 GB are free for runs/a',
      'time     about 1:00:00: 12 steps of 2.0 s, 5 evaluations of 1:00, 30.0 s to check the images',
      expect.stringMatching(/^ {9}by two steps on this machine/),
      'note: from a checkpoint',
      'nothing was written',
    ]);
  });

  it('says when the disk has no room for all, or for one checkpoint', () => {
    expect(textOf(250e6)).toContain('!!       the disk has no room for all checkpoints');
    expect(textOf(50e6)).toContain('!!       the disk has no room for one checkpoint');
    expect(textOf()).not.toMatch(/free for|!!/);
    const lacks = (free?: number) => lacksRoom({ ...forecast, disk: { ...disk, free } });
    expect([lacks(50e6), lacks(250e6), lacks()]).toEqual([true, false, false]);
  });
});
