/** What `run.json` holds of a training. */
import { createHash } from 'node:crypto';
import { rmSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageJson } from '../../../src/runner/base/package-json.js';
import { openRun } from '../../../src/runner/reproduce/record.js';
import { smallRun, trainSmall } from '../training/train-options.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);
const sha256Of = async (file: string) =>
  createHash('sha256')
    .update(await readFile(file))
    .digest('hex');

/** Two epochs of two steps. */
const run = (out: string) => ({
  dataPath: at('data'),
  out: at(out),
  model: 'squeezenet1_1',
  epochs: 2,
  stepsPerRun: 1,
});
let result: Awaited<ReturnType<typeof trainSmall>>;

beforeAll(async () => {
  await writeImageFolder(at('data'));
  result = await trainSmall(run('whole'));
});

describe('the record of a run', () => {
  it('holds its options, hyperparameters and position', async () => {
    const { record, last, file } = await openRun(at('whole'));
    expect(file).toBe(at('whole', 'run.json'));
    expect(record.segments).toHaveLength(1);
    // Completed by what a program leaves out.
    const leftOut = {
      ks: [1, 2, 4, 8, 16],
      deterministic: false,
      precision: 'fp32',
      evalEvery: 1,
      nanPolicy: 'stop',
      otherModules: false,
      tensorboard: false,
    };
    expect(last.options).toEqual({ ...leftOut, ...smallRun(run('whole')) });
    expect(last).toMatchObject({ status: 'done', stepsPerEpoch: 2, facts: { dws: packageJson().version } });
    expect([last.from, last.to]).toEqual([
      { epoch: 0, epochStep: 0, step: 0 },
      { epoch: 2, epochStep: 0, step: 4 },
    ]);
    expect(last.hyperparameters).toMatchObject({ training: { model: 'squeezenet1_1' }, run: { threads: 1 } });
  });

  it('holds a line of text for each fact', async () => {
    const { facts } = (await openRun(at('whole'))).last;
    expect(facts).toMatchObject({ node: process.versions.node, device: 'cpu' });
    for (const text of Object.values(facts)) expect(text).toMatch(/^[^\n]+$/);
  });

  it('holds the result and the SHA-256 of every checkpoint', async () => {
    const { record } = await openRun(at('whole'));
    const { before, last, best } = result;
    expect(record.result).toMatchObject({ status: 'done', epoch: 2, step: 4, before, last, best });
    expect(record.result!.loss).toEqual(expect.any(Number));
    expect(record.checkpoints.map(({ file }) => file)).toEqual(['best.safetensors', 'checkpoint.safetensors']);
    for (const { file, sha256 } of record.checkpoints) expect(sha256).toBe(await sha256Of(at('whole', file)));
    expect(record.epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 2],
      [2, 4],
    ]);
    expect(record.epochs.at(-1)!.sha256).toBe(await sha256Of(at('whole', 'checkpoint.safetensors')));
  });

  it('holds the SHA-256 of a listing with each image and its own', async () => {
    const { data } = (await openRun(at('whole'))).last;
    expect(data).toMatchObject({ listing: 'data.jsonl', train: 12, val: 12 });
    expect(data!.sha256).toBe(await sha256Of(at('whole', 'data.jsonl')));
    const lines = (await readFile(at('whole', 'data.jsonl'), 'utf8')).trimEnd().split('\n');
    expect(lines).toHaveLength(24);
    expect(JSON.parse(lines[0]!)).toEqual({
      ...{ sha256: await sha256Of(at('data/train/train-0/0.png')), split: 'train', label: 0, class: 'train-0' },
      path: 'train-0/0.png',
    });
  });

  it('has a segment for each process that worked on the run, and one list of epochs', async () => {
    const first = await trainSmall(run('stopped'), ({ kind }) => kind === 'steps');
    expect((await openRun(at('stopped'))).record).toMatchObject({
      segments: [{ status: 'interrupted', to: { epoch: 0, epochStep: 1, step: 1 } }],
      epochs: [],
      result: { status: 'interrupted', step: 1 },
    });
    await trainSmall({ ...run('stopped'), resume: first.files.checkpoint });
    const { record } = await openRun(at('stopped'));
    expect(record.segments.map(({ from, to, status }) => [from.step, to?.step, status])).toEqual([
      [0, 1, 'interrupted'],
      [1, 4, 'done'],
    ]);
    expect(record.epochs).toEqual((await openRun(at('whole'))).record.epochs);
  });

  it('says what a training failed with, and where', async () => {
    await expect(trainSmall({ ...run('failed'), batchNum: 1, lr: 1e38, weightDecay: 1e30 })).rejects.toThrow();
    const { record, last } = await openRun(at('failed'));
    expect(last).toMatchObject({ status: 'failed', error: expect.stringContaining('not finite'), to: { step: 1 } });
    expect(record.result).toBeNull();
  });

  it('leaves no temporary file behind, and is left alone by a resumed run that has nothing to do', async () => {
    const before = await readFile(at('whole', 'run.json'), 'utf8');
    await trainSmall({ ...run('whole'), resume: at('whole', 'checkpoint.safetensors') });
    expect(await readFile(at('whole', 'run.json'), 'utf8')).toBe(before);
    expect((await readdir(at('whole'))).sort()).toEqual(
      ['best.safetensors', 'checkpoint.safetensors', 'data.jsonl', 'metrics.jsonl', 'run.json'].sort(),
    );
  });

  it('is written anew when somebody removes it during the training', async () => {
    const { status } = await trainSmall(run('removed'), ({ kind }) => {
      if (kind === 'steps') rmSync(at('removed', 'run.json'), { force: true });
      return false;
    });
    expect(status).toBe('done');
    expect((await openRun(at('removed'))).record.result).toMatchObject({ status: 'done', step: 4 });
  });
});
