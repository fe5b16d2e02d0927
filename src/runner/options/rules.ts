/** Which values each option may have, with errors that name the option as the command line does. */
import { flagOf as declaredFlag } from '../../graph/declarations.js';
import { backbones } from '../../graph/models/index.js';
import { losses } from '../../graph/losses/index.js';
import { optimizers } from '../../graph/optimizers/index.js';
import type { Provider, TrainingOptions } from '../../graph/options.js';
import { providers } from '../../graph/options.js';
import type { Squares } from '../../graph/preprocessing.js';
import { filters, preprocessingRules, resizes } from '../../graph/preprocessing.js';
import { samplings } from '../../graph/samplings/index.js';
import { UserError } from '../base/errors.js';
import { readValSplit, valSplitForm } from '../base/val-split.js';
import type { PartKind } from '../modules/kinds.js';
import { parseLabel, partKinds, partOptions } from '../modules/kinds.js';
import { mostKs, withOne } from './ks.js';
import type { RunOptions } from './run-options.js';
import { printable } from '../base/printable.js';
import { didYouMean } from '../../graph/known-names.js';

interface Rule {
  holds: (value: unknown) => boolean;
  /** Completes "give ...". */
  wanted: string;
  /** The words that it may be. */
  known?: readonly string[];
}

/** Of float32, which graphs compute in. */
const largestFloat = 3.4028234663852886e38;
/** Far more than there will ever be of steps, epochs or classes, and no more than random numbers are told apart by. */
const largestCount = 2 ** 31 - 1;
/** Of a layer. */
const widest = 2 ** 20;
const mostThreads = 1024;

const isNumber = (value: unknown): value is number => typeof value === 'number' && Math.abs(value) <= largestFloat;

const integer = (min: number, max = largestCount): Rule => ({
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max,
  wanted: `a whole number of ${min} or more${max < Number.MAX_SAFE_INTEGER ? `, at most ${max}` : ''}`,
});
const positive: Rule = {
  holds: (value) => isNumber(value) && value > 0,
  wanted: `a number above 0, at most ${largestFloat}`,
};
const notNegative: Rule = {
  holds: (value) => isNumber(value) && value >= 0,
  wanted: `a number of 0 or more, at most ${largestFloat}`,
};
const fraction: Rule = { holds: (value) => isNumber(value) && value >= 0 && value < 1, wanted: 'a number in [0, 1)' };
const share: Rule = { holds: (value) => isNumber(value) && value >= 0 && value <= 1, wanted: 'a number in [0, 1]' };
const oneOf = (...known: string[]): Rule => ({
  holds: (value) => known.includes(value as string),
  wanted: `one of ${known.join(', ')}`,
  known,
});
const flag: Rule = { holds: (value) => typeof value === 'boolean', wanted: 'true or false' };
const path: Rule = { holds: (value) => typeof value === 'string' && /^[^\0]+$/.test(value), wanted: 'a path' };
const longestList = 1000;
const listOf = (rule: Rule): Rule => ({
  holds: (value) => Array.isArray(value) && value.length <= longestList && value.every(rule.holds),
  wanted: `a list whose members are each ${rule.wanted}`,
});
/** What is kept of a ranking is a byte an image: more than so many neighbors are no ranking that anyone reads. */
const largestK = 1_000_000;
const listOfKs: Rule = {
  holds: (value) =>
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= mostKs &&
    value.every((k) => Number.isSafeInteger(k) && k >= 1 && k <= largestK),
  wanted: `1 to ${mostKs} whole numbers of 1 or more, at most ${largestK}, with commas between them`,
};
const optional = (rule: Rule): Rule => ({ ...rule, holds: (value) => value === undefined || rule.holds(value) });

type Rules<Options> = { [Key in keyof Options]?: Rule };

const word: Rule = {
  holds: (value) => typeof value === 'string' && /^[A-Za-z][\w.-]{0,63}$/.test(value),
  wanted: 'a short name',
};
const longestText = 1000;
const isScalar = (value: unknown) =>
  typeof value === 'boolean' || Number.isFinite(value) || (typeof value === 'string' && value.length <= longestText);
/** Values by the names that modules give to their options and parameters. */
const byName =
  (isValue: (value: unknown) => boolean): Rule['holds'] =>
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.entries(value).length <= longestList &&
    Object.entries(value).every(([name, entry]) => /^[A-Za-z]\w{0,63}$/.test(name) && isValue(entry));
const declared: Rule = { holds: byName(isScalar), wanted: 'values by name' };
const rates: Rule = { holds: byName(notNegative.holds), wanted: 'learning rates of 0 or more by name' };

const trainingRules: Rules<Omit<TrainingOptions, 'dropout'> & { dropout?: number }> = {
  model: oneOf(...Object.keys(backbones)),
  featDim: integer(1, widest),
  embedDim: integer(1, widest),
  imageSize: preprocessingRules.imageSize,
  mean: optional(preprocessingRules.mean),
  std: optional(preprocessingRules.std),
  batchSize: integer(2, widest),
  microBatch: optional(integer(1, widest)),
  batchK: integer(2, widest),
  classes: integer(2),
  margin: notNegative,
  nu: notNegative,
  beta: positive,
  loss: optional(oneOf(...Object.keys(losses))),
  sampling: optional(oneOf(...Object.keys(samplings))),
  optimizer: oneOf(...Object.keys(optimizers)),
  backboneOptions: optional(declared),
  lossOptions: optional(declared),
  samplingOptions: optional(declared),
  optimizerOptions: optional(declared),
  momentum: fraction,
  weightDecay: notNegative,
  dropout: optional(fraction),
  backboneLrMult: notNegative,
  clipNorm: optional(positive),
  learnBeta: optional(flag),
  normalizeWeights: optional(flag),
  freezeBn: optional(flag),
  skipNotFinite: optional(flag),
  provider: oneOf(...providers),
  precision: optional(oneOf('fp32', 'fp16')),
  deterministic: optional(flag),
};

const { provider, ...sharedRules } = trainingRules;

/** Of parts from modules, any name is fine. */
const withOwn = <Options>(rules: Rules<Options>, own: readonly PartKind[]): Rules<Options> => ({
  ...rules,
  ...Object.fromEntries(own.map((kind) => [partOptions[kind], optional(word)])),
});

const runRules: Rules<RunOptions> = {
  ...sharedRules,
  device: provider,
  classes: optional(integer(2)),
  deviceId: integer(0, mostThreads),
  threads: integer(1, mostThreads),
  tf32: optional(oneOf('on', 'off')),
  gpuMemLimit: optional(integer(1, Number.MAX_SAFE_INTEGER)),
  resize: { ...preprocessingRules.resize, known: resizes },
  resizeTo: optional(preprocessingRules.resizeTo),
  filter: { ...preprocessingRules.filter, known: filters },
  flip: share,
  workers: integer(0, mostThreads),
  cache: oneOf('none', 'ram'),
  dataPath: path,
  out: path,
  batchNum: optional(integer(1)),
  epochs: integer(1),
  evalEvery: optional(integer(0)),
  valSplit: optional({
    holds: (value) => typeof value === 'string' && readValSplit(value) !== undefined,
    wanted: valSplitForm,
  }),
  startEpoch: integer(0),
  lr: notNegative,
  lrBeta: notNegative,
  lossRates: optional(rates),
  factor: positive,
  steps: listOf(integer(0)),
  seed: integer(0, Number.MAX_SAFE_INTEGER),
  stepsPerRun: optional(integer(1)),
  ranks: optional(integer(1, mostThreads)),
  syncEvery: optional(integer(1)),
  rankTimeout: optional(positive),
  printFreq: integer(1),
  keep: integer(0),
  checkpointEvery: optional(integer(1)),
  maxHours: optional(positive),
  nanPolicy: optional(oneOf('stop', 'skip', 'rollback')),
  smallClasses: oneOf('error', 'drop', 'repeat'),
  ks: optional(listOfKs),
};

const modules: Rule = listOf({
  holds: (value) => parseLabel(value) !== undefined,
  wanted: 'the name of a part and digits of a SHA-256',
});

const label: Rule = { holds: (value) => typeof value === 'string' && /^\w{1,64}$/.test(value), wanted: 'a short name' };

const { lr, lrBeta, lossRates, factor, steps, threads, smallClasses, batchNum, nanPolicy, seed, ks, valSplit } =
  runRules;
const { evalEvery, resize, resizeTo, filter, flip, syncEvery } = runRules;

/** What checkpoints record of a run besides the options of its graphs; older ones record fewer. */
const recordedRules: Rules<Omit<RunOptions, 'modules'> & Record<'images' | 'initialWeights' | 'modules', unknown>> = {
  ...{ lr, lrBeta, lossRates, factor, steps, threads, smallClasses, batchNum, nanPolicy, seed, ks, valSplit },
  ...{ evalEvery, resize, resizeTo, filter, flip, syncEvery },
  ...{ images: label, initialWeights: label, modules },
};

/** Whether a run takes an option from the checkpoint that it goes on from. */
export const isRecordedOption = (key: string): boolean =>
  Object.hasOwn(trainingRules, key) || Object.hasOwn(recordedRules, key);

/** Options that the command line calls otherwise. */
const otherNames: Record<string, string> = { weightDecay: '--wd', provider: '--device', deviceId: '--gpus' };

/** An option as the command line calls it: `lrBeta` is `--lr-beta`. */
export const flagOf = (key: string): string => otherNames[key] ?? declaredFlag(key);

function requireRules<Options>(options: Options, rules: Rules<Options>): void {
  for (const [key, rule] of Object.entries(rules) as [keyof Options & string, Rule][]) {
    const value: unknown = options[key];
    const shown = typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value);
    if (rule.holds(value)) continue;
    const meant = typeof value === 'string' ? didYouMean(value, rule.known ?? []) : '';
    const advice = `give ${rule.wanted}.`;
    throw new UserError(`${flagOf(key)} ${printable(shown)}: ${meant === '' ? advice : `${meant}Or ${advice}`}`);
  }
}

function requireBatch({ batchSize, batchK }: Pick<TrainingOptions, 'batchSize' | 'batchK'>): void {
  if (batchSize % batchK === 0 && batchSize >= 2 * batchK) return;
  throw new UserError(
    `--batch-size ${batchSize} with --batch-k ${batchK}: a batch holds --batch-k images each of two classes or more. ` +
      `Give a --batch-size that is a multiple of --batch-k, ${2 * batchK} or more.`,
  );
}

function requireMicroBatch({
  batchSize,
  microBatch = batchSize,
}: Pick<TrainingOptions, 'batchSize' | 'microBatch'>): void {
  if (microBatch <= batchSize) return;
  throw new UserError(
    `--micro-batch ${microBatch} is above --batch-size ${batchSize}: it is how many images of a batch go through the network at a time. ` +
      `Give --micro-batch ${batchSize} for the whole batch at once, or less.`,
  );
}

function requireSync({
  syncEvery,
  ranks = 1,
  checkpointEvery = syncEvery,
}: Pick<RunOptions, 'syncEvery' | 'ranks' | 'checkpointEvery'>): void {
  if (syncEvery === undefined) return;
  if (ranks === 1) {
    throw new UserError(
      `--sync-every ${syncEvery}: one process has nobody to average with. Start several, with --ranks 4 or mpirun -n 4, or leave the option out.`,
    );
  }
  if (checkpointEvery! % syncEvery === 0) return;
  const next = Math.ceil(checkpointEvery! / syncEvery) * syncEvery;
  throw new UserError(
    `--checkpoint-every ${checkpointEvery} with --sync-every ${syncEvery}: between two averages, each rank has another network. ` +
      `Give a multiple of ${syncEvery}, --checkpoint-every ${next} say.`,
  );
}

function requirePrecision({ precision, provider }: Pick<TrainingOptions, 'precision' | 'provider'>): void {
  if (precision !== 'fp16' || provider !== 'webgpu') return;
  throw new UserError(
    '--precision fp16 is for CUDA devices and the CPU, but --device is webgpu. Leave one of them out.',
  );
}

const known = (options: Readonly<Record<string, unknown>>, rules: object): Record<string, unknown> =>
  Object.fromEntries(Object.entries(options).filter(([key]) => Object.hasOwn(rules, key)));

/**
 * What a checkpoint or a record says of a run, without names that no training of this version has: they would be shown.
 *
 * @param training the options of its graphs
 * @param run the runner's options that decide the numbers
 * @param own parts that modules have brought
 * @throws UserError naming the first option with a value that no run can have recorded
 */
export function parseRecorded(
  training: Readonly<Record<string, unknown>>,
  run: Readonly<Record<string, unknown>>,
  own: readonly PartKind[],
): { training: TrainingOptions; run: Record<string, unknown> } {
  const parsed = { training: known(training, trainingRules), run: known(run, recordedRules) };
  const present = Object.entries(recordedRules).filter(([key]) => Object.hasOwn(run, key));
  requireRules(parsed.run, Object.fromEntries(present));
  const { training: ofGraphs } = parsed;
  requireTrainingOptions(ofGraphs, own);
  return { training: ofGraphs, run: parsed.run };
}

/**
 * @param own parts that modules have brought
 * @throws UserError naming the first option with a value that no graph can be built from
 */
export function requireTrainingOptions(
  options: object,
  own: readonly PartKind[] = [],
): asserts options is TrainingOptions {
  requireRules(options as Readonly<Record<string, unknown>>, withOwn(trainingRules, own));
  requireBatch(options as TrainingOptions);
  requireMicroBatch(options as TrainingOptions);
  requirePrecision(options as TrainingOptions);
}

/** @throws UserError when the network is to see more than images are resized to, or a part of them with the filter `shifted` */
export function requireSquares({ imageSize, resizeTo = imageSize, filter }: Partial<Squares>): void {
  if (filter === 'shifted' && resizeTo !== imageSize) {
    throw new UserError(
      `--resize-to ${resizeTo} with the filter shifted, of versions before 0.3: they resized images to --image-size ` +
        `(${imageSize}) at once. Leave --resize-to out, or train with --filter triangle.`,
    );
  }
  if (resizeTo! >= imageSize!) return;
  throw new UserError(
    `--resize-to ${resizeTo} is below --image-size ${imageSize}: the network sees the middle of what images are resized to. ` +
      `Give a --resize-to of ${imageSize} or more, or leave it out.`,
  );
}

/** @throws UserError for a device that there is not */
export function requireDevice(device: string): asserts device is Provider {
  requireRules({ device }, { device: provider });
}

const { imageSize, workers } = runRules;
const packRules: Rules<Squares & { workers: number; skipBad: boolean }> = {
  ...{ imageSize, resize, resizeTo, filter, workers },
  skipBad: flag,
};

/** @throws UserError naming the first option with a value that nothing can be packed with */
export function requirePackRules(options: Squares & { workers: number; skipBad: boolean }): void {
  requireRules(options, packRules);
  requireSquares(options);
}

/** The k of Recall@k, ascending and with 1. @throws UserError for what is no list of them */
export function requireKs(ks: readonly number[]): number[] {
  requireRules({ ks }, { ks: listOfKs });
  return withOne(ks);
}

/** @throws UserError naming the first option with a value that no training can run with */
export function requireRunRules(options: RunOptions): void {
  const { modules: sources = {} } = options;
  const unknown = Object.keys(sources).find((kind) => !(partKinds as readonly string[]).includes(kind));
  if (unknown !== undefined)
    throw new UserError(`modules: ${printable(unknown)} is no part of a training; parts are ${partKinds.join(', ')}.`);
  const own = partKinds.filter((kind) => sources[kind] !== undefined);
  const idle = partKinds.find((kind) => !own.includes(kind) && Object.keys(options[`${kind}Options`] ?? {}).length > 0);
  if (idle !== undefined)
    throw new UserError(
      `${flagOf(`${idle}Options`)}: they belong to a module that brings the ${idle}, and none is named.`,
    );
  requireRules(options, withOwn(runRules, own));
  requireSquares(options);
  requireBatch(options);
  requireMicroBatch(options);
  requirePrecision({ precision: options.precision, provider: options.device });
  requireSync(options);
}
