/**
 * What every option is where it is not given, for the command line and for programs alike. Those of a training are the values of
 * the paper's published scripts. `undefined`: the option is off, or follows from others, the data or the checkpoint.
 */
import { availableParallelism } from 'node:os';
import { backbones } from '../../graph/models/index.js';
import { UserError } from '../base/errors.js';
import { mostAlike } from '../../graph/known-names.js';
import { printable } from '../base/printable.js';
import { defaultKs } from './ks.js';
import type { RunOptions } from './run-options.js';

const device = {
  device: 'cpu',
  deviceId: 0,
  threads: availableParallelism(),
  tf32: undefined,
  gpuMemLimit: undefined,
  deterministic: false,
} as const;

const imageReading = { workers: 4, skipBad: false };

/** In the order in which the command line shows them. */
export const runDefaults = {
  ...imageReading,
  resize: 'stretch',
  resizeTo: undefined,
  filter: 'triangle',
  flip: 0.5,
  cache: 'none',
  valSplit: undefined,
  classes: undefined,
  smallClasses: 'error',

  model: 'resnet50',
  featDim: 512,
  embedDim: 128,
  imageSize: undefined,
  mean: undefined,
  std: undefined,
  dropout: undefined,
  freezeBn: false,
  precision: 'fp32',
  pretrained: undefined,
  modules: undefined,
  backboneOptions: undefined,

  batchSize: 70,
  microBatch: undefined,
  batchK: 5,

  loss: undefined,
  sampling: undefined,
  otherModules: false,
  lossOptions: undefined,
  lossRates: undefined,
  margin: 0.2,
  beta: 1.2,
  nu: 0,
  lrBeta: 0.1,
  samplingOptions: undefined,
  normalizeWeights: false,

  optimizer: 'sgd',
  momentum: 0.9,
  weightDecay: 0.0001,
  clipNorm: undefined,
  backboneLrMult: 1,
  optimizerOptions: undefined,
  epochs: 20,
  evalEvery: 1,
  batchNum: undefined,
  startEpoch: 0,
  lr: 0.0001,
  factor: 0.5,
  steps: [20, 40, 60],
  seed: 0,
  ks: [...defaultKs],

  out: undefined,
  resume: undefined,
  savePrefix: '',
  keep: 0,
  printFreq: 20,
  checkpointEvery: undefined,
  maxHours: undefined,
  nanPolicy: 'stop',
  tensorboard: false,
  stepsPerRun: undefined,
  ranks: undefined,
  syncEvery: undefined,
  rankTimeout: undefined,

  ...device,
} satisfies { [Key in Exclude<keyof RunOptions, 'dataPath'>]-?: RunOptions[Key] | undefined };

/** Height and width of the images that a model was designed for, in pixels. */
export const designedImageSize = (model: string): number =>
  (Object.hasOwn(backbones, model) ? backbones[model]!.imageSize : undefined) ?? 224;

/** Of running a checkpoint's network. */
const inference = { ...device, ...imageReading, batchSize: 64, modules: undefined };

export const embedDefaults = {
  ...inference,
  ...{ resize: undefined, resizeTo: undefined, ranks: undefined, rankTimeout: undefined },
};

export const evaluateDefaults = {
  ...embedDefaults,
  checkpoint: undefined,
  dataPath: undefined,
  valSplit: undefined,
  split: 'val',
  metrics: 'recall',
  ks: defaultKs,
} as const;

export const packDefaults = {
  ...imageReading,
  imageSize: 224,
  resize: 'stretch',
  resizeTo: undefined,
  filter: 'triangle',
} as const;

export const galleryDefaults = { ...inference, dtype: 'float32', thumbSize: 64, map: true, features: false } as const;

export const reportDefaults = {
  ...device,
  workers: imageReading.workers,
  batchSize: inference.batchSize,
  images: 10_000,
  untrained: true,
  checkpoint: undefined,
  dataPath: undefined,
  descriptions: undefined,
  modules: undefined,
};

export const exportDefaults = { modules: undefined, withResize: false, unfolded: false };

export const webExportDefaults = {
  ...imageReading,
  threads: device.threads,
  variants: [],
  dataPath: undefined,
  modules: undefined,
};

export const verifyDefaults = {
  epochs: undefined,
  dataPath: undefined,
  out: undefined,
  anyway: false,
  modules: undefined,
};

const { batchSize, batchK, smallClasses, evalEvery } = runDefaults;

export const surveyDefaults = { ...imageReading, batchSize, batchK, smallClasses, evalEvery, valSplit: undefined };

type Filled<Table> = { [Key in keyof Table]: Table[Key] extends undefined ? never : Key }[keyof Table];

/** Options of which those that have a default are there. */
export type WithDefaults<Options, Table> = Omit<Options, Filled<Table>> &
  Required<Pick<Options, Filled<Table> & keyof Options>>;

/**
 * @param job the function that takes the options
 * @throws UserError naming an option that there is not, and the one that may be meant; for options that are no object
 */
export function requireKnown(job: string, given: object, known: readonly string[]): void {
  // Programs need not be type-checked.
  const value: unknown = given;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${job} takes its options as an object, and ${printable(String(value))} is none.`);
  }
  const unknown = Object.keys(given).find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const meant = mostAlike(unknown, known);
  const advice = meant === undefined ? `Known: ${known.join(', ')}.` : `Did you mean ${meant}?`;
  throw new UserError(`${job} has no option ${printable(unknown)}. ${advice}`);
}

/**
 * Options with a table's values in place of those that are not given.
 *
 * @param job the function that takes them
 * @throws UserError for an option that the table does not have
 */
export function withDefaults<
  Options extends object,
  Table extends { [Key in keyof Required<Options>]: Options[Key] | undefined },
>(job: string, given: Options, table: Table): WithDefaults<Options, Table> {
  requireKnown(job, given, Object.keys(table));
  const values = Object.entries(given).filter(([, value]) => value !== undefined);
  return { ...table, ...Object.fromEntries(values) } as unknown as WithDefaults<Options, Table>;
}
