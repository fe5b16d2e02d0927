import { afterEach, describe, expect, it, vi } from 'vitest';
import { Terminal } from '../../src/cli/terminal.js';
import { TrainProgress } from '../../src/cli/train-progress.js';
import type { TrainEvent } from '../../src/runner/training/events.js';
import { recorder } from './recorder.js';

type Steps = Extract<TrainEvent, { kind: 'steps' }>;

const options = { model: 'resnet18', imageSize: 64, batchSize: 80, epochs: 2, printFreq: 20, out: 'runs/a' };

const steps = (event: Partial<Steps>): Steps => ({
  kind: 'steps',
  epoch: 0,
  step: 1,
  stepsDone: 1,
  stepsPerEpoch: 100,
  loss: 0.5,
  statistics: { pairs: 123.4 },
  lr: 1e-4,
  rates: { beta: 0.1 },
  stepSeconds: 0.4,
  dataSeconds: 0,
  stepsPerRun: 1,
  ...event,
});

/** What is printed for some events. */
function printed(events: TrainEvent[], properties: Parameters<typeof recorder>[0] = {}): string {
  const { output, written } = recorder(properties);
  const progress = new TrainProgress(new Terminal(output), options);
  for (const event of events) progress.handle(event);
  return written();
}

afterEach(() => void vi.unstubAllEnvs());

describe('without a terminal', () => {
  it('prints the first steps, a line every printFreq steps, and the last of an epoch', () => {
    const events = [1, 2, 20, 21, 40, 100].map((step) => steps({ step, stepsDone: step }));
    expect(printed(events).match(/step \d+\/100/g)).toEqual(['step 1/100', 'step 21/100', 'step 100/100']);
  });

  it('tells loss, pairs, speed, and the times of computing and of waiting', () => {
    expect(printed([steps({ dataSeconds: 0.1, stepsDone: 7 })])).toBe(
      'epoch 1/2  step 7/100  loss 0.5000  pairs 123  160 images/s  step 400 ms  data 100 ms\n',
    );
  });

  it('tells the scale of the loss and what was left out, in mixed precision', () => {
    expect(printed([steps({ scaling: { lossScale: 32768, leftOut: 1 } })])).toContain(
      'loss 0.5000  scale 32768  left out 1  pairs 123',
    );
    const { output, written } = recorder({});
    const result = { status: 'done', epoch: 1, step: 9, leftOut: { overflow: 2, notFinite: 1 }, files: {} } as const;
    new TrainProgress(new Terminal(output), options).finish(result);
    expect(written()).toContain(
      '  left out    2 steps, for a scaled gradient beyond float16 (--precision fp16)\n' +
        '  left out    1 step, for a loss or gradient that was not finite\n',
    );
  });

  it('says once that a long phase begins', () => {
    const events = [1, 2].map((done): TrainEvent => ({ kind: 'eval-progress', stage: 'embed', done, total: 2 }));
    expect(printed(events)).toBe('evaluating: embedding images ...\n');
  });

  it('says once that weights are downloaded', () => {
    const events = [1, 2].map((done): TrainEvent => ({ kind: 'download-progress', file: 'a.pth', done, total: 2 }));
    expect(printed(events)).toBe('downloading a.pth ...\n');
  });

  it('prints Recall@k after each evaluation', () => {
    const recall = { 1: 0.31, 2: 0.37 };
    const text = printed([
      { kind: 'eval', epoch: -1, step: 0, recall, seconds: 2 },
      { kind: 'eval', epoch: 0, step: 100, recall, seconds: 2 },
    ]);
    expect(text).toContain('                 Recall@1  Recall@2\nbefore training    0.3100    0.3700\n');
    expect(text).toContain('               Recall@1  Recall@2\nafter epoch 1    0.3100    0.3700\n');
  });
});

it('says once when the training waits for its images', () => {
  const slow = (step: number) => steps({ step, stepsDone: step, stepsPerRun: 10, stepSeconds: 0.1, dataSeconds: 0.1 });
  const text = printed([slow(10), slow(20), slow(30)]);
  expect(text.match(/note: .*/g)).toEqual([expect.stringMatching(/^note: 50 % .* --cache ram .* --workers/)]);
});

it('rewrites one line on a terminal, which heartbeats keep moving', async () => {
  vi.stubEnv('TERM', 'xterm');
  const { output, written } = recorder({ isTTY: true, columns: 200 });
  const progress = new TrainProgress(new Terminal(output), options);
  progress.handle(steps({ stepsDone: 7 }));
  await vi.waitFor(() => {
    progress.handle({ kind: 'heartbeat' });
    expect(written().split('\r\x1b[Kepoch 1/2  step 7/100').length).toBeGreaterThan(2);
  });
  expect(written()).not.toContain('\n');
});

it('shows how much of a download is there, on a terminal', () => {
  vi.stubEnv('TERM', 'xterm');
  const event: TrainEvent = { kind: 'download-progress', file: 'a.pth', done: 1_234_567, total: 102_530_333 };
  expect(printed([event], { isTTY: true, columns: 200 })).toContain('downloading a.pth 1.2 MB/102.5 MB');
});

it('calls a checkpoint the best so far, and says when that is not better than the untrained network', () => {
  const evaluated = (step: number, recall: number): TrainEvent[] => [
    { kind: 'eval', epoch: step - 1, step, recall: { 1: recall }, seconds: 1 },
    ...(step > 0 ? [{ kind: 'checkpoint', path: 'a', step, best: true } as const] : []),
  ];
  const text = printed([evaluated(0, 0.308), evaluated(1, 0.153), evaluated(2, 0.392)].flat());
  expect(text.match(/saved.*/g)).toEqual([
    'saved a (best so far, but not better than the .308 before training)',
    'saved a (best so far)',
  ]);
});

const start: TrainEvent = {
  ...{ kind: 'start', classes: 8, images: 103, skipped: 3, val: { images: 40, classes: 1, skipped: 0 } },
  ...{ stepsPerEpoch: 100, epochs: 2, paramCount: 7, device: 'cpu', precision: 'fp32' },
};
const resumedFrom = { epoch: 1, epochStep: 0, step: 100 };

it('tells what of each split is used, and beside it what is left out', () => {
  expect(printed([{ ...start, precision: 'fp16' }])).toMatch(/^network .* on cpu, in mixed precision \(fp16\)$/m);
  expect(printed([start])).toContain(
    'data     train: 103 images of 8 classes, 3 left out; val: 40 images of 1 class\n',
  );
});

it('tells how many images of a batch go through the network at a time, where that is not all', () => {
  expect(printed([start])).toContain(` of ${options.batchSize} images, drawn at random\n`);
  expect(printed([{ ...start, microBatch: 3 }])).toContain(
    ` of ${options.batchSize} images, 3 at a time, drawn at random\n`,
  );
});

it('knows after a resume what the network was before its training', () => {
  const text = printed([
    { ...start, resumedFrom, before: { 1: 0.846 }, best: { step: 100, recall: 0.7 } },
    { kind: 'eval', epoch: 1, step: 200, recall: { 1: 0.8 }, seconds: 1 },
    { kind: 'checkpoint', path: 'a', step: 200, best: true },
  ]);
  expect(text).toContain('saved a (best so far, but not better than the .846 before training)');
});

it('says that the time is that since a resume, where epochs and steps are those of the whole run', () => {
  const ended = (...events: TrainEvent[]) => {
    const { output, written } = recorder({});
    const progress = new TrainProgress(new Terminal(output), options);
    events.forEach(progress.handle);
    progress.finish({ status: 'done', epoch: 2, step: 200, files: {} });
    return written();
  };
  expect(ended({ ...start, resumedFrom })).toMatch(/done after 2 epochs, 200 steps, .* since it was resumed\n$/);
  expect(ended(start)).toMatch(/done after 2 epochs, 200 steps, [\d.]+ m?s\n$/);
});

it('tells only of files that are there', () => {
  const { output, written } = recorder({});
  new TrainProgress(new Terminal(output), options).finish({ status: 'interrupted', epoch: 0, step: 0, files: {} });
  expect(written()).toMatch(/^stopped after 0 epochs, 0 steps, .*\n$/);
});
