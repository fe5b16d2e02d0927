import { Command } from 'commander';
import { expect, it } from 'vitest';
import { takeRecordedOptions } from '../../src/cli/resumed.js';
import type { Checkpoint } from '../../src/runner/checkpoint.js';
import { smallMetadata } from '../runner/small-checkpoint.js';

const command = () =>
  new Command()
    .option('--out <dir>', '', 'runs')
    .option('--data-path <dir>', '', 'data')
    .option('--resume <file>')
    .option('--lr <rate>', '', '1')
    .option('--margin <alpha>', '', '0.3')
    .option('--batch-k <n>', '', '5');

const checkpointOf = (runOptions: Record<string, unknown>): Checkpoint => ({
  ...{ path: 'checkpoint.safetensors', metadata: { ...smallMetadata(), runOptions } },
  ...{ state: {}, params: [], buffers: [] },
});

it('options are those of the checkpoint where none are given', () => {
  const given = command().parse(['--margin', '0.5'], { from: 'user' });
  expect(takeRecordedOptions(given, checkpointOf({ lr: 3e-4 }))).toEqual(['--lr 0.0003']);
  expect(given.opts()).toMatchObject({ lr: 3e-4, margin: '0.5', batchK: 5 });
});

it('a checkpoint chooses neither what is read nor where is written', () => {
  const given = command().parse([], { from: 'user' });
  takeRecordedOptions(given, checkpointOf({ out: '/etc', dataPath: '/home', resume: 'other' }));
  expect(given.opts()).toMatchObject({ out: 'runs', dataPath: 'data' });
  expect(given.opts()).not.toHaveProperty('resume');
});
