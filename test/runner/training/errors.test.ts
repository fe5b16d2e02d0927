import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { describeNetwork, initialState } from '../../../src/graph/step/describe.js';
import type { TrainingOptions } from '../../../src/graph/options.js';
import { saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { openRun } from '../../../src/runner/reproduce/record.js';
import { UserError } from '../../../src/runner/base/errors.js';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import { writeImageFolder } from '../../helpers/images.js';
import { pattern, temporaryFolder, truncated, writeFiles } from '../data/images.js';
import { smallRun, trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

beforeAll(() => writeImageFolder(at('data')));

/** The error of a training that must not begin. */
async function refusal(options: Partial<RunOptions>): Promise<string> {
  const training = trainSmall({ dataPath: at('data'), out: at('out'), ...options }, ({ kind }) => kind === 'start');
  const error = await training.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message;
}

describe('train refuses', () => {
  const cases: [what: string, options: Partial<RunOptions>, message: RegExp][] = [
    ['a batch that is not a multiple of batch-k', { batchSize: 5 }, /^--batch-size 5 with --batch-k 2.*multiple/],
    ['a batch of one class', { batchSize: 2 }, /^--batch-size 2 with --batch-k 2.*two classes/],
    ['more classes a batch than there are', { batchSize: 10 }, /takes 5 classes a batch, but .*train has 4/],
    ['classes smaller than batch-k', { batchSize: 8, batchK: 4 }, /4 of 4 classes have fewer than 4 images/],
    [
      'an unknown model',
      { model: 'resnet19' },
      /^--model resnet19: Did you mean resnet18\? Or give one of alexnet, .*resnet18, resnet34, resnet50/,
    ],
    ['fewer classes than the data has', { classes: 3 }, /^--classes 3: .*train holds 4 classes/],
    ['an image size that is no size', { imageSize: 0 }, /^--image-size 0: give a whole number of 1 or more/],
    ['a rate that is no number', { lr: NaN }, /^--lr NaN: give a number of 0 or more/],
    ['a weight decay below 0', { weightDecay: -1 }, /^--wd -1: give/],
    ['a list that holds something else', { steps: [1, 2.5] }, /^--steps 1,2\.5: give a list/],
    ['to begin after the last epoch', { startEpoch: 1, epochs: 1 }, /^--start-epoch 1: nothing is left of --epochs 1/],
    ['a prefix that names a folder', { savePrefix: 'a/b' }, /prefix 'a\/b'/],
  ];
  it.each(cases)('%s', async (_, options, message) => {
    expect(await refusal(options)).toMatch(message);
  });

  it('a missing, an empty and a one-class data folder', async () => {
    expect(await refusal({ dataPath: at('nowhere') })).toMatch(/the data .*nowhere does not exist/);
    await mkdir(at('empty', 'train'), { recursive: true });
    expect(await refusal({ dataPath: at('empty') })).toMatch(/train has no class folders inside/);
    await writeFiles(at('single'), { 'train/a/1.png': pattern(8, 8), 'train/a/2.png': pattern(8, 8, 3, 1) });
    expect(await refusal({ dataPath: at('single') })).toMatch(/images of one class only/);
  });

  it('an output folder that cannot be written', async () => {
    await writeFile(at('file'), '');
    expect(await refusal({ out: at('file', 'run') })).toMatch(
      /can't write to the folder .*file\/run: .*choose another/,
    );
  });

  it('a checkpoint that is missing, foreign or damaged', async () => {
    expect(await refusal({ resume: at('nowhere.safetensors') })).toMatch(/can't read .*nowhere\.safetensors/);
    await writeFile(at('model.pth'), Buffer.from('PK\x03\x04 and more bytes than a header has'));
    expect(await refusal({ resume: at('model.pth') })).toMatch(
      /model\.pth is not a checkpoint of dws but a zip archive/,
    );
    await writeFile(at('torn.safetensors'), Buffer.alloc(4));
    expect(await refusal({ resume: at('torn.safetensors') })).toMatch(/torn\.safetensors/);
  });

  it('a checkpoint of another network, naming each option that differs', async () => {
    const training: TrainingOptions = {
      ...smallRun({ dataPath: '', out: '' }),
      ...{ featDim: 4, classes: 4, dropout: 0, learnBeta: true, provider: 'cpu' },
    };
    const state = initialState(training, 1);
    const metadata = { epoch: 1, epochStep: 0, step: 2, seed: 1, options: training, runOptions: {}, best: null };
    await saveCheckpoint(at('other.safetensors'), { layout: describeNetwork(training), state, metadata });
    const resume = at('other.safetensors');
    expect(await refusal({ resume, optimizer: 'adam' })).toMatch(
      /made with --feat-dim 4, this run has --feat-dim 16; .*--optimizer sgd, this run has --optimizer adam/,
    );
  });
});

describe('train with images that cannot be read', () => {
  beforeAll(async () => {
    await writeImageFolder(at('bad'));
    await writeFiles(at('bad'), {
      'train/train-0/empty.jpg': '',
      'train/train-1/text.png': 'no image',
      'val/val-0/whole.jpg': pattern(64, 64),
    });
    await truncated(at('bad/val/val-0/whole.jpg'), at('bad/val/val-0/half.jpg'), 0.5);
  });

  it('names and counts them before anything is trained', async () => {
    const message = await refusal({ dataPath: at('bad') });
    expect(message).toMatch(/^2 of 14 images in .*train cannot be read:/);
    expect(message).toMatch(/empty\.jpg: the file is empty.*\n.*text\.png: /);
    expect(message).toMatch(/--skip-bad/);
  });

  it('leaves them out with skipBad, naming them', async () => {
    const { status, events } = await trainSmall({ dataPath: at('bad'), out: at('skipped'), skipBad: true });
    expect(status).toBe('done');
    const note = events.find((event) => event.kind === 'note')!.message;
    expect(note).toMatch(/^3 images cannot be read and are left out:/);
    for (const name of ['empty.jpg', 'text.png', 'half.jpg']) expect(note).toContain(name);
    expect(events.find((event) => event.kind === 'start')).toMatchObject({
      ...{ images: 12, classes: 4, skipped: 2 },
      val: { images: 13, classes: 4, skipped: 1 },
    });
    const { last } = await openRun(at('skipped'));
    expect(last.images).toEqual({
      train: { images: 12, classes: 4, skipped: 2 },
      val: { images: 13, classes: 4, skipped: 1 },
    });
  });
});
