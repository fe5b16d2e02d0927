/** What a training outlives, and that it comes out the same. */
import { existsSync, rmSync } from 'node:fs';
import { cp, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadCheckpoint, saveCheckpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { describeNetwork } from '../../../src/graph/step/describe.js';
import { UserError } from '../../../src/runner/base/errors.js';
import { readMetrics } from '../../../src/runner/training/metrics-file.js';
import { newestCheckpoint } from '../../../src/runner/checkpoints/newest.js';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { stoppingText } from '../../../src/runner/training/events.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { trainSmall } from './train-options.js';

const folder = temporaryFolder();
const at = (...names: string[]) => path.join(folder.path, ...names);

/** Two epochs of four steps. */
const run = (out: string, options: Partial<RunOptions> = {}) => ({
  ...{ dataPath: at('data'), out: at(out), model: 'squeezenet1_1', epochs: 2, batchNum: 4, stepsPerRun: 1 },
  ...options,
});
const ofKind = <Kind extends TrainEvent['kind']>(events: TrainEvent[], kind: Kind) =>
  events.filter((event): event is Extract<TrainEvent, { kind: Kind }> => event.kind === kind);
const notes = (events: TrainEvent[]) => ofKind(events, 'note').map(({ message }) => message);
const bytesOf = (out: string) => readFile(at(out, 'checkpoint.safetensors'));
const isSame = async (a: string, b: string) => (await bytesOf(a)).equals(await bytesOf(b));

beforeAll(async () => {
  await writeImageFolder(at('data'));
  await trainSmall(run('reference'));
});

describe('checkpoints within an epoch', () => {
  it('come every so many steps, whatever a run of the loop holds, and change nothing', async () => {
    const { events } = await trainSmall(run('often', { checkpointEvery: 3, stepsPerRun: 4 }));
    expect(ofKind(events, 'checkpoint').map(({ step }) => step)).toEqual([3, 4, 7, 8]);
    expect(await isSame('often', 'reference')).toBe(true);
  });
});

describe('a limit of time', () => {
  it('stops with a checkpoint, from which the run goes on to the same bytes', async () => {
    const { status, events, files } = await trainSmall(run('limited', { epochs: 1000, maxHours: 1e-9 }));
    expect(status).toBe('time-up');
    expect(notes(events)).toEqual([expect.stringMatching(/^--max-hours 1e-9 are over/)]);
    const resume = files.checkpoint ?? undefined;
    expect(await trainSmall(run('limited', { resume }))).toMatchObject({ status: 'done', step: 8 });
    expect(await isSame('limited', 'reference')).toBe(true);
  });
});

describe('a training that goes on', () => {
  it('says where it stands when it is stopped while it waits for another machine’s lock', async () => {
    await cp(at('reference'), at('locked'), { recursive: true });
    const holder = {
      pid: 1,
      host: 'elsewhere',
      world: 'another',
      began: '1',
      token: 'x',
      since: '2026-01-02T03:04:05.678Z',
    };
    await writeFile(at('locked', 'run.lock'), JSON.stringify(holder));
    const resume = at('locked', 'checkpoint.safetensors');
    const isWaiting = (event: TrainEvent) => event.kind === 'note' && event.message.includes('waiting for');
    expect(await trainSmall(run('locked', { resume, epochs: 3 }), isWaiting)).toMatchObject({
      ...{ status: 'interrupted', epoch: 2, step: 8 },
      files: { checkpoint: resume },
    });
    expect(stoppingText(false, resume)).toMatch(/no further step .*; .*checkpoint\.safetensors stays as it is$/);
  });
});

describe('clipping', () => {
  it('tells the norm of the gradient and records the option', async () => {
    const { events } = await trainSmall(run('clipped', { epochs: 1, clipNorm: 0.1 }));
    expect(ofKind(events, 'steps').every(({ gradientNorm }) => gradientNorm! > 0.1)).toBe(true);
    const lines = (await readMetrics(at('clipped', 'metrics.jsonl'))).filter((line) => line.kind === 'step');
    expect(lines.map((line) => line.gradient_norm)).toEqual(
      ofKind(events, 'steps').map(({ gradientNorm }) => gradientNorm),
    );
    expect((await loadCheckpoint(at('clipped', 'checkpoint.safetensors'))).metadata.options.clipNorm).toBe(0.1);
    expect((await loadCheckpoint(at('reference', 'checkpoint.safetensors'))).metadata.options).not.toHaveProperty(
      'clipNorm',
    );
    const after = await trainSmall(run('unclipped', { epochs: 1, resume: at('clipped', 'checkpoint.safetensors') }));
    expect(after.files.checkpoint).toBe(at('clipped', 'checkpoint.safetensors'));
  });
});

describe('losses that are not finite', () => {
  /** A first checkpoint of a run in which each batch that holds class 3 has an infinite loss. */
  async function plant(out: string, options: Partial<RunOptions>): Promise<string> {
    await trainSmall(run(out, { epochs: 1, batchNum: 1, lr: 0, lrBeta: 0, ...options }));
    const { metadata, state } = await loadCheckpoint(at(out, 'checkpoint.safetensors'));
    state['beta']![3] = 3e38;
    const position = { epoch: 0, epochStep: 0, step: 1, best: null };
    const file = at(out, 'planted.safetensors');
    await saveCheckpoint(file, {
      layout: describeNetwork(metadata.options),
      state,
      metadata: { ...metadata, ...position },
    });
    return file;
  }

  it('are left out one by one with skip, whatever a run of the loop holds', async () => {
    const skip = { epochs: 1, batchNum: 8, lrBeta: 0, lr: 1e-3, nanPolicy: 'skip' } as const;
    const resume = await plant('skip', { nanPolicy: 'skip' });
    const one = await trainSmall(run('skip-1', { ...skip, resume }));
    const lines = (await readMetrics(at('skip-1', 'metrics.jsonl'))).filter((line) => line.kind === 'step');
    const skipped = lines.filter((line) => line.skipped).map(({ step }) => step);
    expect(skipped.length).toBeGreaterThan(0);
    expect(skipped.length).toBeLessThan(8);
    expect(lines.map((line) => line.loss === null)).toEqual(lines.map(({ step }) => skipped.includes(step)));
    const told = notes(one.events).filter((message) => message.includes('is left out'));
    expect(told.map((message) => Number(/^step (\d+) /.exec(message)![1]))).toEqual(skipped);
    await trainSmall(run('skip-8', { ...skip, resume, stepsPerRun: 8 }));
    expect(await isSame('skip-8', 'skip-1')).toBe(true);
  });

  it('end the training all the same when there are nothing else', async () => {
    const { metadata, state } = await loadCheckpoint(at('reference', 'checkpoint.safetensors'));
    const options = { ...metadata.options, skipNotFinite: true };
    const planted = { ...state, beta: new Float32Array(4).fill(3e38) };
    const resume = at('all-bad.safetensors');
    const content = {
      layout: describeNetwork(options),
      state: planted,
      metadata: { ...metadata, options, epoch: 0, epochStep: 0 },
    };
    await saveCheckpoint(resume, content);
    const training = trainSmall(run('all-bad', { resume, epochs: 1, batchNum: 50, nanPolicy: 'skip', lrBeta: 0 }));
    await expect(training).rejects.toThrow(/^20 steps in a row, up to step \d+, are not finite: .*diverged/);
  });

  it('send the training back to its last checkpoint with rollback, and to other random numbers', async () => {
    const back = {
      epochs: 1,
      batchNum: 4,
      lrBeta: 0,
      lr: 1e-3,
      nanPolicy: 'rollback',
      checkpointEvery: 1,
      seed: 2,
    } as const;
    const resume = await plant('back', { nanPolicy: 'rollback', seed: 2 });
    const whole = await trainSmall(run('back-1', { ...back, resume }));
    const returns = notes(whole.events).filter((message) => message.includes('--nan-policy rollback,'));
    expect(returns.length).toBeGreaterThan(0);
    expect(returns[0]).toMatch(
      /^the loss of step \d+ \(epoch 0\) is Infinity: back to step \d+, with other random numbers/,
    );
    expect(whole).toMatchObject({ status: 'done', step: 5 });
    const lines = (await readMetrics(at('back-1', 'metrics.jsonl'))).filter((line) => line.kind === 'step');
    expect(lines.map(({ step, loss }) => [step, loss !== null])).toEqual([2, 3, 4, 5].map((step) => [step, true]));
    expect((await loadCheckpoint(at('back-1', 'checkpoint.safetensors'))).metadata.rollbacks).toBe(returns.length);

    // Stopped after each step, it takes the same way.
    let next: string | undefined = resume;
    for (let status = ''; status !== 'done';) {
      const part = await trainSmall(run('back-2', { ...back, resume: next }), ({ kind }) => kind === 'steps');
      [status, next] = [part.status, part.files.checkpoint];
    }
    expect(await isSame('back-2', 'back-1')).toBe(true);
  });

  it('stop the training after five times back to one checkpoint; it begins with one', async () => {
    const hopeless = run('hopeless', { lr: 1e38, weightDecay: 1e30, nanPolicy: 'rollback' });
    const messages: string[] = [];
    const training = trainSmall(hopeless, (event) => event.kind === 'note' && messages.push(event.message) < 0);
    await expect(training).rejects.toThrow(/diverged.*last good checkpoint is kept: .*\(step 0\)/);
    expect(messages).toHaveLength(5);
    expect((await loadCheckpoint(at('hopeless', 'checkpoint.safetensors'))).metadata).toMatchObject({
      step: 0,
      best: null,
    });
  });
});

describe('files that go while the training runs', () => {
  it('a checkpoint is written again when the run is stopped', async () => {
    const isEvaluating = ({ kind }: TrainEvent) => kind === 'eval-progress';
    let steps = 0;
    const first = await trainSmall(run('unlinked'), (event) => {
      if (event.kind === 'steps') steps++;
      return steps > 0 && isEvaluating(event);
    });
    const resume = first.files.checkpoint!;
    const { files, step } = await trainSmall(run('unlinked', { resume }), (event) => {
      if (isEvaluating(event)) rmSync(resume, { force: true });
      return isEvaluating(event);
    });
    expect([step, existsSync(files.checkpoint!)]).toEqual([4, true]);
    await trainSmall(run('unlinked', { resume }));
    expect(await isSame('unlinked', 'reference')).toBe(true);
  });

  it('a folder is made anew, and the run ends as it would have', async () => {
    let isGone = false;
    const { events, status } = await trainSmall(run('vanished', { checkpointEvery: 1 }), (event) => {
      if (event.kind === 'checkpoint' && !isGone) {
        isGone = true;
        rmSync(at('vanished'), { recursive: true });
      }
      return false;
    });
    expect(status).toBe('done');
    expect(notes(events)).toEqual([expect.stringMatching(/metrics\.jsonl was removed while the training ran/)]);
    expect(await isSame('vanished', 'reference')).toBe(true);
  });

  it('a damaged line of metrics does not keep a run from going on', async () => {
    const first = await trainSmall(run('torn'), ({ kind }) => kind === 'checkpoint');
    await writeFile(at('torn', 'metrics.jsonl'), '{"kind":"st\n', { flag: 'a' });
    await writeFile(at('torn', 'metrics.jsonl'), '\n', { flag: 'a' });
    const { events } = await trainSmall(run('torn', { resume: first.files.checkpoint }));
    expect(notes(events)).toEqual([
      expect.stringMatching(/metrics\.jsonl is damaged: left out what is no record, line \d+/),
    ]);
    expect(await isSame('torn', 'reference')).toBe(true);
  });

  it('an image that goes stops the run with a checkpoint; with it back, the run goes on to the same bytes', async () => {
    const image = at('data', 'train', 'train-0', '0.png');
    const content = await readFile(image);
    const training = trainSmall(run('imageless', { batchSize: 8 }), (event) => {
      if (event.kind === 'steps') rmSync(image, { force: true });
      return false;
    });
    const error = await training.catch((reason: unknown) => reason);
    await writeFile(image, content);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain(image);
    const { checkpoint } = await newestCheckpoint(at('imageless'));
    await trainSmall(run('imageless', { batchSize: 8, resume: checkpoint!.path }));
    await trainSmall(run('imageful', { batchSize: 8 }));
    expect(await isSame('imageless', 'imageful')).toBe(true);
  });
});

it('a best checkpoint that is damaged is told of', async () => {
  const { best } = (await loadCheckpoint(at('reference', 'checkpoint.safetensors'))).metadata;
  await cp(at('reference'), at('bestless'), { recursive: true });
  await truncate(at('bestless', 'best.safetensors'), 100);
  const options = run('bestless', { epochs: 3, resume: at('bestless', 'checkpoint.safetensors') });
  const { events } = await trainSmall(options);
  const lost = notes(events).filter((message) => message.startsWith(`the best checkpoint (step ${best!.step}`));
  expect(lost).toHaveLength(best!.step === 8 ? 0 : 1);
});
