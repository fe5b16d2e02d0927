/** The options of a run in `run.json`: which there are, and which of them decide the numbers. */
import type { RunOptions } from '../run-options.js';
import { printable } from '../weights/printable.js';
import type { Check } from './shape.js';
import { count, fields, fileName, flag, listOf, pathText, number, oneOf, optional, ShapeError, word } from './shape.js';

interface OptionRow {
  /** Types alone; `requireRunOptions` knows the ranges. */
  check: Check<unknown>;
  /** Whether another value may change a bit of the losses or weights. */
  decides: boolean;
}

const decides = (check: Check<unknown>): OptionRow => ({ check, decides: true });
const aside = (check: Check<unknown>): OptionRow => ({ check, decides: false });

const pretrained: Check<unknown> = (value, where) => {
  const { kind } = fields({ kind: oneOf('published', 'file') })(value, where);
  const inner = kind === 'file' ? fields({ path: pathText }) : fields({ weights: word });
  return { kind, ...inner(value, where) };
};

export const optionTable: { [Key in keyof Required<RunOptions>]: OptionRow } = {
  model: decides(word),
  featDim: decides(number),
  embedDim: decides(number),
  imageSize: decides(number),
  dropout: decides(optional(number)),
  freezeBn: decides(flag),
  pretrained: decides(optional(pretrained)),
  batchSize: decides(number),
  batchK: decides(number),
  classes: decides(optional(number)),
  smallClasses: decides(word),
  resize: decides(word),
  margin: decides(number),
  nu: decides(number),
  beta: decides(number),
  lrBeta: decides(number),
  normalizeWeights: decides(flag),
  optimizer: decides(word),
  momentum: decides(number),
  weightDecay: decides(number),
  clipNorm: decides(optional(number)),
  backboneLrMult: decides(number),
  lr: decides(number),
  factor: decides(number),
  steps: decides(listOf(number)),
  batchNum: decides(optional(number)),
  startEpoch: decides(number),
  seed: decides(number),
  nanPolicy: decides(optional(word)),
  skipBad: decides(flag),
  device: decides(word),
  deviceId: aside(number),
  threads: decides(number),
  epochs: aside(number),
  dataPath: aside(pathText),
  out: aside(pathText),
  savePrefix: aside((value, where) => (value === '' ? value : fileName(value, where))),
  resume: aside(optional(pathText)),
  workers: aside(count),
  cache: aside(word),
  stepsPerRun: aside(optional(number)),
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
  const options = allFields(value, where);
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
