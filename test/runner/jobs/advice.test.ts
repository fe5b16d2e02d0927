import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { adviceAfter, adviceBefore } from '../../../src/runner/jobs/advice.js';
import { runDefaults } from '../../../src/runner/options/defaults.js';
import { parseRunOptions } from '../../../src/runner/options/plan.js';
import type { RunOptions } from '../../../src/runner/options/run-options.js';
import type { TrainEvent } from '../../../src/runner/training/events.js';
import { writeImageFolder } from '../../helpers/images.js';
import { temporaryFolder } from '../data/images.js';
import { smallRun, trainSmall } from '../training/train-options.js';

const planOf = (options: Partial<RunOptions>) => parseRunOptions(smallRun({ dataPath: 'd', out: 'o', ...options }));
const before = (options: Partial<RunOptions>) => adviceBefore(planOf(options));

const fine = { optimizer: 'adam', lr: 3e-4, epochs: 3, steps: [2] };
const { optimizer, lr, epochs, steps } = runDefaults;

describe('before a training', () => {
  it('nothing is said of options that are fine', () => {
    expect(before(fine)).toEqual([]);
    expect(before({ ...fine, optimizer: 'sgd', lr: 0.01 })).toEqual([]);
    expect(before({ ...fine, steps: [] })).toEqual([]);
  });

  it('of the defaults, rates that are for pretrained weights and steps that no epoch reaches are told, with what to try', () => {
    expect(before({ optimizer, lr, epochs, steps })).toEqual([
      expect.stringMatching(
        /^--optimizer sgd with --lr 0.0001 suits pretrained weights.* Try --optimizer adam --lr 3e-4/,
      ),
      'no epoch reaches --steps 20,40,60 (--epochs 20, counted from 0): the learning rates are never lowered. Try --steps 12,16.',
    ]);
  });

  it('pretrained weights and a resumed run make such rates fine', () => {
    for (const start of [{ pretrained: { kind: 'file', path: 'w.pth' } as const }, { resume: 'c.safetensors' }])
      expect(before({ ...fine, optimizer, lr, ...start })).toEqual([]);
  });

  it('rates of adam count as well', () => {
    expect(before({ ...fine, lr: 1e-6 })).toEqual([expect.stringMatching(/^--optimizer adam with --lr 0.000001/)]);
  });

  it('steps of which only some are reached are told apart', () => {
    expect(before({ ...fine, epochs: 30, steps: [20, 40, 60] })).toEqual([
      'no epoch reaches 40,60 of --steps 20,40,60 (--epochs 30, counted from 0): they lower no rate. Try --steps 18,24.',
    ]);
    expect(before({ ...fine, epochs: 1, steps: [20] })).toEqual([
      'no epoch reaches --steps 20 (--epochs 1, counted from 0): the learning rates are never lowered.',
    ]);
  });
});

describe('after a training', () => {
  const best = { step: 1860, recall: 0.153 };

  it('a best that is not better than the untrained network is told, with what to try', () => {
    expect(adviceAfter(planOf({}), best, 0.308)).toMatch(
      /^the best Recall@1, 0.1530 after step 1860, is not better than the 0.3080 before .* Try --optimizer adam --lr 3e-4/,
    );
    expect(adviceAfter(planOf({}), best, 0.153)).toBeDefined();
    const pretrained = { kind: 'file', path: 'w.pth' } as const;
    expect(adviceAfter(planOf({ pretrained }), best, 0.308)).toMatch(/Try a lower --lr \(now 0.01\)/);
  });

  it('nothing is advised that the training was told already', () => {
    expect(adviceAfter(planOf({ optimizer: 'adam', lr: 3e-4 }), best, 0.308)).toMatch(
      /Try pretrained weights with --use-pretrained, or more --epochs\.$/,
    );
    const pretrained = { kind: 'file', path: 'w.pth' } as const;
    expect(adviceAfter(planOf({ pretrained, backboneLrMult: 0.1 }), best, 0.308)).not.toContain('--backbone-lr-mult');
  });

  it('nothing is said where nothing could be better', () => {
    expect(adviceAfter(planOf({}), { step: 2, recall: 1 }, 1)).toBeUndefined();
  });

  it('nothing is said where it is better, or nothing is known', () => {
    expect(adviceAfter(planOf({}), best, 0.152)).toBeUndefined();
    expect(adviceAfter(planOf({}), best, undefined)).toBeUndefined();
    expect(adviceAfter(planOf({}), undefined, 0.308)).toBeUndefined();
  });
});

describe('a run', () => {
  const folder = temporaryFolder();
  let events: TrainEvent[];

  /** Weights that stay as they are can't come to more. */
  const stuck = { optimizer: 'sgd', lr: 0, lrBeta: 0, freezeBn: true, steps: [9] };

  beforeAll(async () => {
    await writeImageFolder(path.join(folder.path, 'data'));
    const out = path.join(folder.path, 'run');
    ({ events } = await trainSmall({ dataPath: path.join(folder.path, 'data'), out, ...stuck }));
  });

  it('tells each, apart from its notes', () => {
    const told = (kind: 'advice' | 'note') => events.flatMap((event) => (event.kind === kind ? [event.message] : []));
    expect(told('advice')).toEqual([
      expect.stringMatching(/^--optimizer sgd with --lr 0 /),
      expect.stringMatching(/^no epoch reaches --steps 9 /),
      expect.stringMatching(/^the best Recall@1, .* is not better than/),
    ]);
    expect(told('note')).toEqual([]);
    expect(events.findIndex(({ kind }) => kind === 'advice')).toBeGreaterThan(
      events.findIndex(({ kind }) => kind === 'start'),
    );
  });
});
