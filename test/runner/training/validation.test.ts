/** Trainings whose data has no validation images, or which want none. */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { evaluate } from '../../../src/runner/evaluation/evaluate.js';
import { openRun } from '../../../src/runner/reproduce/record.js';
import { verifyRun } from '../../../src/runner/reproduce/verify.js';
import { makeReport } from '../../../src/runner/report/report.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, writeFiles } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const notesOf = (events: readonly TrainEvent[]) =>
  events.flatMap((event) => (event.kind === 'note' ? [event.message] : []));
const quick = { batchNum: 1, stepsPerRun: 1 };

beforeAll(async () => {
  await writeImageFolder(at('data'), { classes: 5 });
  await rm(at('data/val'), { recursive: true });
  await writeFiles(at('data'), { 'train/train-0/1.heic': 'x', 'train/lost.png': pattern(9, 9) });
});

describe('a training without evaluations', () => {
  let trained: Awaited<ReturnType<typeof trainSmall>>;
  beforeAll(async () => {
    trained = await trainSmall({ dataPath: at('data'), out: at('none'), epochs: 2, evalEvery: 0, ...quick });
  });

  it('needs no validation images, writes its checkpoints, and tells what it has passed over', async () => {
    expect(trained).toMatchObject({ status: 'done', epoch: 2, step: 2 });
    expect([trained.before, trained.best]).toEqual([undefined, undefined]);
    const lines = await readMetrics(at('none/metrics.jsonl'));
    expect(lines.map(({ kind }) => kind)).toEqual(['step', 'step']);
    const { metadata } = await loadCheckpoint(trained.files.checkpoint!);
    expect(metadata).toMatchObject({ epoch: 2, epochStep: 0, best: null, runOptions: { evalEvery: 0 } });
    expect(notesOf(trained.events).join('\n')).toMatch(
      /passed over in .*train:\n {2}1 in no class folder, .*lost\.png\)\n {2}1 HEIC, a format that is not read.*train-0.1\.heic\)/,
    );
  });

  it('tells which classes are too small to be trained on', async () => {
    await writeImageFolder(at('small'), { classes: 3 });
    await rm(at('small/train/train-1/0.png'));
    await rm(at('small/train/train-1/1.png'));
    const options = { dataPath: at('small'), out: at('dropped'), evalEvery: 0, ...quick };
    const { events } = await trainSmall({ ...options, smallClasses: 'drop' });
    expect(notesOf(events)).toEqual([
      '--small-classes drop leaves out what has fewer than 2 images (--batch-k):\n  train-1 (1)',
    ]);
  });

  it('records each epoch, is verified and reported', async () => {
    const { record } = await openRun(at('none'));
    expect(record.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(record.segments[0]!.data).toMatchObject({ train: 15, val: 0 });
    expect(await verifyRun(at('none'))).toMatchObject({ outcome: 'identical', weights: { checkpoints: 2 } });
    await makeReport(at('none'), at('report.html'));
  });

  it('goes on as it was', async () => {
    const { events, ...resumed } = await trainSmall({
      ...{ dataPath: at('data'), out: at('more'), epochs: 3, evalEvery: undefined, ...quick },
      resume: at('none/checkpoint.safetensors'),
    });
    expect(resumed).toMatchObject({ status: 'done', epoch: 3, step: 3 });
    expect(resumed.last).toBeUndefined();
    expect(notesOf(events)[0]).toMatch(/^from .*checkpoint\.safetensors: --eval-every 0$/);
  });
});

it('evaluates every so many epochs, on what --val-split takes', async () => {
  const valSplit = 'classes:0.4:3';
  const { events, ...trained } = await trainSmall({
    ...{ dataPath: at('data'), out: at('divided'), epochs: 3, evalEvery: 2, valSplit, ...quick },
  });
  const evaluations = events.flatMap((event) => (event.kind === 'eval' ? [event.step] : []));
  expect(evaluations).toEqual([0, 2]);
  expect(events.find(({ kind }) => kind === 'start')).toMatchObject({ classes: 3, images: 9 });
  const { metadata } = await loadCheckpoint(trained.files.checkpoint!);
  expect(metadata.runOptions).toMatchObject({ valSplit, evalEvery: 2 });
  // The checkpoint remembers.
  const checkpoint = trained.files.best!;
  const { images, classes, recall, passedOver } = await evaluate({
    checkpoint,
    dataPath: at('data'),
    workers: 0,
    threads: 1,
  });
  expect([images, classes]).toEqual([6, 2]);
  expect(recall[1]).toBeCloseTo(trained.best!.recall, 6);
  expect(passedOver).toEqual([]);
  const notesWith = async (options: { valSplit: string; split?: 'train' }) => {
    const { notes } = await evaluate({ checkpoint, dataPath: at('data'), workers: 0, threads: 1, ...options });
    return notes;
  };
  expect(await notesWith({ valSplit: 'classes:.4:3' })).toEqual([]);
  expect(await notesWith({ valSplit: 'classes:0.4' })).toEqual([
    expect.stringMatching(
      /^--val-split classes:0\.4 is not what the training took \(classes:0\.4:3\): .*, some that it was trained on are evaluated\. Leave/,
    ),
  ]);
  expect(await notesWith({ valSplit: 'images:0.4', split: 'train' })).toEqual([
    expect.stringContaining('some that it was not trained on are evaluated'),
  ]);
});
