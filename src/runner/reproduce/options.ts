/** The options of a run in `run.json`: which there are, and which of them decide the numbers. */
import { unrecordedPixels } from '../options/recorded-pixels.js';
import type { RunOptions } from '../options/run-options.js';
import { printable } from '../base/printable.js';
import type { Check } from '../base/shape.js';
import {
  count,
  declaredValues,
  fields,
  fileName,
  flag,
  listOf,
  pathText,
  number,
  oneOf,
  optional,
  ShapeError,
  word,
  mapOf,
  sha256,
} from '../base/shape.js';

interface OptionRow {
  /** Types alone; `parseRunOptions` knows the ranges. */
  check: Check<unknown>;
  /** Whether another value may change a bit of the losses or weights. */
  decides: boolean;
}

const decides = (check: Check<unknown>): OptionRow => ({ check, decides: true });
const aside = (check: Check<unknown>): OptionRow => ({ check, decides: false });

const pretrained: Check<unknown> = (value, where) => {
  const { kind } = fields({ kind: oneOf('published', 'file') })(value, where);
  const inner = kind === 'file' ? fields({ path: pathText, at: optional(pathText) }) : fields({ weights: word });
  return { kind, ...inner(value, where) };
};

const moduleSource = fields({ path: pathText, sha256: optional(sha256) });
const moduleSources = fields({
  backbone: optional(moduleSource),
  loss: optional(moduleSource),
  sampling: optional(moduleSource),
  optimizer: optional(moduleSource),
});

export const optionTable: { [Key in keyof Required<RunOptions>]: OptionRow } = {
  model: decides(word),
  featDim: decides(number),
  embedDim: decides(number),
  imageSize: decides(number),
  mean: decides(optional(listOf(number))),
  std: decides(optional(listOf(number))),
  dropout: decides(optional(number)),
  freezeBn: decides(flag),
  precision: decides(optional(word)),
  pretrained: decides(optional(pretrained)),
  batchSize: decides(number),
  microBatch: decides(optional(number)),
  batchK: decides(number),
  classes: decides(optional(number)),
  smallClasses: decides(word),
  resize: decides(word),
  resizeTo: decides(optional(number)),
  filter: decides(word),
  flip: decides(number),
  margin: decides(number),
  nu: decides(number),
  beta: decides(number),
  lrBeta: decides(number),
  lossRates: decides(optional(mapOf(number))),
  // Which modules they are decides, and is recorded by their fingerprints; where they lie does not.
  modules: aside(optional(moduleSources)),
  otherModules: aside(optional(flag)),
  normalizeWeights: decides(flag),
  loss: decides(optional(word)),
  lossOptions: decides(optional(declaredValues)),
  sampling: decides(optional(word)),
  samplingOptions: decides(optional(declaredValues)),
  optimizer: decides(word),
  optimizerOptions: decides(optional(declaredValues)),
  backboneOptions: decides(optional(declaredValues)),
  momentum: decides(number),
  weightDecay: decides(number),
  clipNorm: decides(optional(number)),
  backboneLrMult: decides(number),
  lr: decides(number),
  factor: decides(number),
  steps: decides(listOf(number)),
  batchNum: decides(optional(number)),
  // It decides which checkpoint is the best.
  evalEvery: decides(optional(number)),
  startEpoch: decides(number),
  seed: decides(number),
  ks: aside(optional(listOf(number))),
  nanPolicy: decides(optional(word)),
  skipBad: decides(flag),
  valSplit: decides(optional(word)),
  device: decides(word),
  deviceId: aside(number),
  threads: decides(number),
  tf32: decides(optional(word)),
  gpuMemLimit: aside(optional(number)),
  deterministic: decides(optional(flag)),
  epochs: aside(number),
  dataPath: aside(pathText),
  out: aside(pathText),
  savePrefix: aside((value, where) => (value === '' ? value : fileName(value, where))),
  resume: aside(optional(pathText)),
  workers: aside(count),
  cache: aside(word),
  stepsPerRun: aside(optional(number)),
  ranks: decides(optional(number)),
  syncEvery: decides(optional(number)),
  rankTimeout: aside(optional(number)),
  printFreq: aside(number),
  keep: aside(number),
  checkpointEvery: aside(optional(number)),
  maxHours: aside(optional(number)),
  tensorboard: aside(optional(flag)),
};

const checks = Object.fromEntries(Object.entries(optionTable).map(([key, { check }]) => [key, check]));

const allFields = fields(checks);

/** @throws ShapeError for an option that is missing, of another type, or none that this version knows */
export const runOptions: Check<RunOptions> = (value, where) => {
  // What versions before 0.3 did not record.
  const given = typeof value === 'object' && !Array.isArray(value) ? { ...unrecordedPixels, ...value } : value;
  const options = allFields(given, where);
  const unknown = Object.keys(value as object).find((key) => !Object.hasOwn(optionTable, key));
  if (unknown !== undefined)
    throw new ShapeError(`${where}.${printable(unknown)}`, 'an option', 'nothing that is known');
  return options as unknown as RunOptions;
};

/** The options that there are, without what else an object may carry, in the order of the table. */
export const plainOptions = (options: RunOptions): RunOptions =>
  Object.fromEntries(
    Object.keys(optionTable)
      .map((key) => [key, options[key as keyof RunOptions]] as const)
      .filter(([, value]) => value !== undefined),
  ) as unknown as RunOptions;
