/** Options of which checkpoints say nothing where they are as ever, so that those of other runs are as before there was a choice. */
import { defaultLoss, defaultSampling } from '../../graph/parts/parts.js';
import { imageNet } from '../../graph/preprocessing.js';
import { defaultKs } from './ks.js';
import { unrecordedPixels } from './recorded-pixels.js';
import type { RunOptions } from './run-options.js';

type Values = Readonly<Record<string, unknown>>;

/** What they are then. */
export const unrecorded = {
  precision: 'fp32',
  deterministic: false,
  nanPolicy: 'stop',
  evalEvery: 1,
  ks: defaultKs,
  loss: defaultLoss,
  sampling: defaultSampling,
  ...imageNet,
  ...unrecordedPixels,
} as const satisfies Partial<Record<keyof RunOptions, unknown>>;

/** Options as people know them: with those that are not recorded. */
export const toldOptions = (recorded: Values): Values => ({
  ...unrecorded,
  ...Object.fromEntries(Object.entries(recorded).filter(([, value]) => value !== undefined)),
});

type Choices = Pick<RunOptions, 'device' | 'precision' | 'deterministic'>;

/** What of these decides a graph; on the CPU there is one way, whether it is asked for or not. */
export const recordedChoices = ({ device, precision, deterministic }: Choices): Omit<Partial<Choices>, 'device'> => ({
  ...(precision !== undefined && precision !== unrecorded.precision && { precision }),
  ...(deterministic && device === 'cuda' && { deterministic }),
});
