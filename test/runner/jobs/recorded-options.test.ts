import { expect, it } from 'vitest';
import type { Checkpoint } from '../../../src/runner/checkpoints/checkpoint.js';
import { recordedOptions } from '../../../src/runner/jobs/recorded-options.js';
import { smallMetadata } from '../checkpoints/small-checkpoint.js';

const checkpointOf = (recorded: Record<string, unknown>, filter: object = { filter: 'triangle' }): Checkpoint => ({
  ...{ path: 'checkpoint.safetensors', metadata: { ...smallMetadata(), runOptions: { ...filter, ...recorded } } },
  ...{ state: {}, params: [], buffers: [] },
});

const others = '--model resnet18 --feat-dim 4 --embed-dim 2 --image-size 64 --batch-size 10 --optimizer adam';

it('options are those of the checkpoint where none are given', () => {
  const { options, taken } = recordedOptions({ margin: 0.5, seed: 1 }, checkpointOf({ lr: 3e-4 }));
  expect(taken.join(' ')).toBe(`${others} --lr 0.0003`);
  expect(options).toMatchObject({ lr: 3e-4, batchK: 5, model: 'resnet18' });
  expect(options).not.toHaveProperty('margin');
  expect(options).not.toHaveProperty('seed');
});

it('only those are told that would be others without the checkpoint', () => {
  const { options, taken } = recordedOptions({}, checkpointOf({ lr: 1e-4, steps: [20, 40, 60] }));
  expect(taken.join(' ')).toBe(`${others} --seed 42`);
  expect(options).toMatchObject({ dropout: 0, steps: [20, 40, 60] });
});

it('images are made squares of as by the version that wrote the checkpoint', () => {
  const now = recordedOptions({}, checkpointOf({ resizeTo: 72, flip: 0 }));
  expect(now.options).toMatchObject({ filter: 'triangle', resizeTo: 72, flip: 0 });
  expect(now.taken).toEqual(expect.arrayContaining(['--resize-to 72', '--flip 0']));
  const old = recordedOptions({}, checkpointOf({}, {}));
  expect(old.options).toMatchObject({ filter: 'shifted', flip: 0.5 });
  expect(old.options).not.toHaveProperty('resizeTo');
  expect(old.taken).toContain('--filter shifted');
});

it('a checkpoint chooses neither what is read nor where is written', () => {
  const { options, taken } = recordedOptions({}, checkpointOf({ out: '/etc', dataPath: '/home', resume: 'other' }));
  for (const key of ['out', 'dataPath', 'resume']) expect(options).not.toHaveProperty(key);
  expect(taken.join(' ')).not.toContain('/');
});

it('the classes are the data’s, and the name of a part that a module replaces is the module’s', () => {
  const modules = { backbone: { path: './mine.mjs' } };
  const { options } = recordedOptions({ modules }, checkpointOf({ classes: 9, modules: ['loss:1'] }));
  for (const key of ['classes', 'modules', 'model']) expect(options).not.toHaveProperty(key);
});
