/** The package as a program uses it: train, evaluate, embed, export, with no more options than a small run needs. */
import { existsSync } from 'node:fs';
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TrainOptions } from '../../../src/index.js';
import { embedImages, evaluate, exportModel, loadCheckpoint, openRun, train, UserError } from '../../../src/index.js';
import { prepareTraining } from '../../../src/runner/jobs/prepare-training.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const small = { model: 'squeezenet1_1', imageSize: 32, batchSize: 4, batchK: 2, epochs: 1, workers: 0 } as const;
const run = (options: Partial<TrainOptions> = {}) =>
  train({ dataPath: at('data'), out: at('run'), ...small, ...options });

const before = process.cwd();
beforeAll(async () => {
  await writeImageFolder(at('data'));
  process.chdir(folder.path);
});
afterAll(() => process.chdir(before));

it('a program trains, evaluates, embeds and exports', async () => {
  const events: string[] = [];
  const { status, files, last } = await train(
    { dataPath: 'data', out: 'run', ...small },
    { onEvent: ({ kind }) => events.push(kind) },
  );
  expect(status).toBe('done');
  expect(events).toContain('eval');
  const checkpoint = files.checkpoint!;
  const { recall, images } = await evaluate({ checkpoint, dataPath: 'data' });
  expect([recall, images]).toEqual([last, 12]);
  const { embeddings, dim } = await embedImages(checkpoint, ['data/val/val-0/0.png', 'data/val/val-1/1.png']);
  expect([dim, embeddings.length]).toEqual([128, 256]);
  const { bytes } = await exportModel(checkpoint, 'model.onnx');
  expect((await readFile('model.onnx')).length).toBe(bytes);
});

describe('train', () => {
  it('records the options that were not given', async () => {
    const { options } = (await openRun(at('run'))).last;
    expect(options).toMatchObject({
      optimizer: 'sgd',
      lr: 1e-4,
      margin: 0.2,
      keep: 0,
      threads: availableParallelism(),
    });
  });

  it('refuses a folder that holds a training, as the command line does', async () => {
    await expect(run()).rejects.toThrow(
      /run holds a training already \(checkpoint\.safetensors\)\. Go on from it with --resume .*run, or choose another folder with --out\.$/,
    );
  });

  it('goes on from the newest checkpoint with its options, and says so', async () => {
    const notes: string[] = [];
    const { step, epoch } = await train(
      { dataPath: 'data', out: 'run', resume: 'auto', epochs: 2, workers: 0 },
      { onEvent: (event) => event.kind === 'note' && notes.push(event.message) },
    );
    expect([epoch, step]).toEqual([2, 6]);
    expect(notes).toEqual([
      `from ${path.join('run', 'checkpoint.safetensors')}: ` +
        '--model squeezenet1_1 --image-size 32 --batch-size 4 --batch-k 2 --batch-num 3',
    ]);
    const { metadata } = await loadCheckpoint('run/checkpoint.safetensors');
    expect(metadata.options).toMatchObject({ model: 'squeezenet1_1', imageSize: 32, batchSize: 4 });
  });

  it('takes from the record of its run what its checkpoint does not tell, and nothing that leads elsewhere', async () => {
    const file = path.join('run', 'run.json');
    const record = JSON.parse(await readFile(file, 'utf8')) as { segments: { options: Record<string, unknown> }[] };
    const { options: recorded } = record.segments.at(-1)!;
    Object.assign(recorded, { keep: 3, checkpointEvery: 2, tensorboard: true, cache: 'ram', lr: 7 });
    Object.assign(recorded, { out: '/etc', resume: '/etc/passwd', savePrefix: 'x', maxHours: 1e-9 });
    await cp('run', 'recorded', { recursive: true });
    await writeFile(path.join('recorded', 'run.json'), JSON.stringify(record));
    const { options, notes } = await prepareTraining({ resume: 'recorded', keep: 1 });
    expect(options).toMatchObject({
      ...{
        dataPath: 'data',
        epochs: 2,
        workers: 0,
        keep: 1,
        checkpointEvery: 2,
        tensorboard: true,
        cache: 'ram',
        lr: 1e-4,
      },
      ...{
        out: 'recorded',
        resume: path.join('recorded', 'checkpoint.safetensors'),
        savePrefix: '',
        maxHours: undefined,
      },
    });
    expect(notes.at(-1)).toBe(
      `from ${path.join('recorded', 'run.json')}: --epochs 2 --data-path data --workers 0 --cache ram --checkpoint-every 2 --tensorboard`,
    );
  });

  it('goes on without a record that can’t be read, which is told, and asks for the images', async () => {
    await cp('run', 'torn', { recursive: true });
    await writeFile(path.join('torn', 'run.json'), '{');
    const { options, notes } = await prepareTraining({ resume: 'torn', dataPath: 'data' });
    expect([options.epochs, options.workers]).toEqual([20, 4]);
    expect(notes.at(-1)).toMatch(
      /^nothing is taken from the run's record: .*run\.json is damaged.* unless given: .*--epochs 20 /,
    );
    await expect(prepareTraining({ resume: 'torn' })).rejects.toThrow(
      /^--data-path is not given, and no record of the run tells it \(.*run\.json is damaged/,
    );
  });

  it('keeps a damaged record under another name', async () => {
    const notes: string[] = [];
    await train(
      { dataPath: 'data', out: 'torn', resume: 'torn', epochs: 3, workers: 0 },
      { onEvent: (event) => event.kind === 'note' && notes.push(event.message) },
    );
    const file = path.join('torn', 'run.json');
    expect(notes).toContain(`${file} is damaged, and kept as ${file}.damaged`);
    expect(await readFile(`${file}.damaged`, 'utf8')).toBe('{');
    expect((await openRun('torn')).last.options.epochs).toBe(3);
  });

  it('tells that a record is missing, and refuses one that can’t be read', async () => {
    await cp('run', 'bare', { recursive: true });
    await rm(path.join('bare', 'run.json'));
    const { notes } = await prepareTraining({ resume: 'bare', dataPath: 'data' });
    expect(notes.at(-1)).toMatch(/^nothing is taken from the run's record: there is no .*run\.json\. .* --epochs 20 /);
    await mkdir(path.join('bare', 'run.json'));
    await expect(prepareTraining({ resume: 'bare', dataPath: 'data' })).rejects.toThrow(
      /run\.json: it is a folder, not a file/,
    );
  });

  it('finds the images of its run from another folder, and tells others under their names', async () => {
    await writeImageFolder(at('elsewhere', 'data'));
    process.chdir(at('elsewhere'));
    const { options } = await prepareTraining({ resume: path.join('..', 'run') });
    expect(options.dataPath).toBe(path.join('..', 'data'));
    expect((await openRun(at('run'))).last.options.dataPath).toBe(path.join('..', 'data'));
    await cp(at('run'), 'copy', { recursive: true });
    await writeFile(
      path.join('data', 'train', 'train-0', '0.png'),
      await readFile(at('data', 'train', 'train-0', '1.png')),
    );
    const notes: string[] = [];
    await train(
      { out: 'copy', resume: 'copy', epochs: 3 },
      { onEvent: (event) => event.kind === 'note' && notes.push(event.message) },
    );
    process.chdir(folder.path);
    expect(notes.at(-1)).toBe(
      `the images are not those that ${path.join('copy', 'checkpoint.safetensors')} was trained on before:\n` +
        '  train: train-0/0.png has another content',
    );
  });

  it('names the runs of a folder that holds several', async () => {
    await mkdir('several');
    for (const name of ['a-', 'b-']) await cp('run/checkpoint.safetensors', `several/${name}checkpoint.safetensors`);
    await expect(prepareTraining({ resume: 'several', dataPath: 'data' })).rejects.toThrow(
      /^several holds the checkpoints of several runs\. Give one of them:\n.*a-checkpoint\.safetensors\n.*b-checkpoint/,
    );
    const { options } = await prepareTraining({ resume: 'several', dataPath: 'data', savePrefix: 'b-' });
    expect([options.out, options.savePrefix]).toEqual(['several', 'b-']);
    await mkdir('nothing');
    await expect(prepareTraining({ resume: 'nothing', dataPath: 'data' })).rejects.toThrow(
      /^nothing holds no checkpoint to go on/,
    );
  });

  it('begins anew with auto where there is no checkpoint', async () => {
    const { options, notes } = await prepareTraining({ dataPath: 'data', out: 'fresh', resume: 'auto' });
    expect([options.resume, options.out]).toEqual([undefined, 'fresh']);
    expect(notes).toEqual(['no checkpoint in fresh: training from the start']);
  });

  it('names an option that there is not, and writes nothing', async () => {
    const misspelt = { dataPath: 'data', out: 'none', lR: 1 } as TrainOptions;
    await expect(train(misspelt)).rejects.toThrow(new UserError('train has no option lR. Did you mean lr?'));
    await expect(train({} as TrainOptions)).rejects.toThrow('--data-path undefined: give a path.');
    expect(existsSync('none')).toBe(false);
  });
});

describe('the folder of a run', () => {
  it.each<[Partial<TrainOptions>, string]>([
    [{}, path.join('runs', 'resnet50-0')],
    [{ model: 'inception_v3', seed: 3 }, path.join('runs', 'inception_v3-3')],
    [{ resume: 'run/checkpoint.safetensors' }, 'run'],
  ])('with %o is %s', async (options, out) => {
    const prepared = await prepareTraining({ dataPath: 'data', ...options });
    expect(prepared.options.out).toBe(out);
  });

  it('may be another one for a checkpoint that it goes on from', async () => {
    await rm('elsewhere', { recursive: true, force: true });
    const { options } = await prepareTraining({
      dataPath: 'data',
      out: 'elsewhere',
      resume: 'run/checkpoint.safetensors',
    });
    expect(options).toMatchObject({ out: 'elsewhere', model: 'squeezenet1_1', seed: 0 });
  });
});

it('images have the size that the model was designed for', async () => {
  const sizeOf = async (model: string) => (await prepareTraining({ dataPath: 'data', model })).options.imageSize;
  expect([await sizeOf('resnet18'), await sizeOf('inception_v3')]).toEqual([224, 299]);
});
