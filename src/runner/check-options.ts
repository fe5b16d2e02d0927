/** Checks of options before anything is opened, with errors that name the option as the command line does. */
import { describeNetwork } from '../graph/flat.js';
import { backbones } from '../graph/models/index.js';
import type { NetworkOptions, TrainingOptions } from '../graph/options.js';
import type { NetworkLayout } from '../graph/state.js';
import { UserError } from './errors.js';
import { publishedFile } from './pretrained/published.js';
import type { RunOptions } from './run-options.js';
import { printable } from './weights/printable.js';

interface Rule {
  holds: (value: unknown) => boolean;
  /** Completes "give ...". */
  wanted: string;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

const integer = (min: number): Rule => ({
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= min,
  wanted: `a whole number of ${min} or more`,
});
const positive: Rule = { holds: (value) => isNumber(value) && value > 0, wanted: 'a number above 0' };
const notNegative: Rule = { holds: (value) => isNumber(value) && value >= 0, wanted: 'a number of 0 or more' };
const fraction: Rule = { holds: (value) => isNumber(value) && value >= 0 && value < 1, wanted: 'a number in [0, 1)' };
const oneOf = (...known: string[]): Rule => ({
  holds: (value) => known.includes(value as string),
  wanted: `one of ${known.join(', ')}`,
});
const flag: Rule = { holds: (value) => typeof value === 'boolean', wanted: 'true or false' };
const path: Rule = { holds: (value) => typeof value === 'string' && value !== '', wanted: 'a path' };
const listOf = (rule: Rule): Rule => ({
  holds: (value) => Array.isArray(value) && value.every(rule.holds),
  wanted: `a list whose members are each ${rule.wanted}`,
});
const optional = (rule: Rule): Rule => ({ ...rule, holds: (value) => value === undefined || rule.holds(value) });

type Rules<Options> = { [Key in keyof Options]?: Rule };

const trainingRules: Rules<Omit<TrainingOptions, 'dropout'> & { dropout?: number }> = {
  model: oneOf(...Object.keys(backbones)),
  featDim: integer(1),
  embedDim: integer(1),
  imageSize: integer(1),
  batchSize: integer(2),
  batchK: integer(2),
  classes: integer(2),
  margin: notNegative,
  nu: notNegative,
  beta: positive,
  optimizer: oneOf('sgd', 'adam'),
  momentum: fraction,
  weightDecay: notNegative,
  dropout: optional(fraction),
  backboneLrMult: notNegative,
  clipNorm: optional(positive),
  learnBeta: optional(flag),
  normalizeWeights: optional(flag),
  freezeBn: optional(flag),
  skipNotFinite: optional(flag),
  provider: oneOf('cpu', 'cuda', 'webgpu'),
};

const { provider, ...sharedRules } = trainingRules;

const runRules: Rules<RunOptions> = {
  ...sharedRules,
  device: provider,
  classes: optional(integer(2)),
  deviceId: integer(0),
  threads: integer(1),
  resize: oneOf('stretch', 'cover', 'contain'),
  workers: integer(0),
  cache: oneOf('none', 'ram'),
  dataPath: path,
  out: path,
  batchNum: optional(integer(1)),
  epochs: integer(1),
  startEpoch: integer(0),
  lr: notNegative,
  lrBeta: notNegative,
  factor: positive,
  steps: listOf(integer(0)),
  seed: integer(0),
  stepsPerRun: optional(integer(1)),
  keep: integer(0),
  checkpointEvery: optional(integer(1)),
  maxHours: optional(positive),
  nanPolicy: optional(oneOf('stop', 'skip', 'rollback')),
  smallClasses: oneOf('error', 'drop', 'repeat'),
};

const label: Rule = { holds: (value) => typeof value === 'string' && /^\w{1,64}$/.test(value), wanted: 'a short name' };

const { lr, lrBeta, factor, steps, threads, resize, smallClasses, batchNum, nanPolicy } = runRules;

/** What checkpoints record of a run besides the options of its graphs; older ones record fewer. */
const recordedRules: Rules<RunOptions & Record<'images' | 'initialWeights', unknown>> = {
  ...{ lr, lrBeta, factor, steps, threads, resize, smallClasses, batchNum, nanPolicy },
  ...{ images: label, initialWeights: label },
};

/** Whether a run takes an option from the checkpoint that it goes on from. */
export const isRecordedOption = (key: string): boolean =>
  Object.hasOwn(trainingRules, key) || Object.hasOwn(recordedRules, key) || key === 'seed';

/** Options that the command line calls otherwise. */
const otherNames: Record<string, string> = { weightDecay: '--wd', provider: '--device', deviceId: '--gpus' };

/** An option as the command line calls it: `lrBeta` is `--lr-beta`. */
export const flagOf = (key: string): string =>
  otherNames[key] ?? `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;

function requireRules<Options>(options: Options, rules: Rules<Options>): void {
  for (const [key, rule] of Object.entries(rules) as [keyof Options & string, Rule][]) {
    const value: unknown = options[key];
    if (!rule.holds(value)) throw new UserError(`${flagOf(key)} ${printable(String(value))}: give ${rule.wanted}.`);
  }
}

function requireBatch({ batchSize, batchK }: Pick<TrainingOptions, 'batchSize' | 'batchK'>): void {
  if (batchSize % batchK === 0 && batchSize >= 2 * batchK) return;
  throw new UserError(
    `--batch-size ${batchSize} with --batch-k ${batchK}: a batch holds --batch-k images each of two classes or more. ` +
      `Give a --batch-size that is a multiple of --batch-k, ${2 * batchK} or more.`,
  );
}

/** @throws UserError naming the first option with a value that no graph can be built from */
export function requireTrainingOptions(options: Omit<TrainingOptions, 'dropout'> & { dropout?: number }): void {
  requireRules(options, trainingRules);
  requireBatch(options);
}

/** @throws UserError naming the first option that a run can't have recorded */
export function requireRecordedOptions(recorded: Readonly<Record<string, unknown>>): void {
  const known = Object.entries(recordedRules).filter(([key]) => Object.hasOwn(recorded, key));
  requireRules(recorded, Object.fromEntries(known));
}

/** @throws UserError naming the first option with a value that no training can run with */
export function requireRunOptions(options: RunOptions): void {
  requireRules(options, runRules);
  requireBatch(options);
  const { model, pretrained, startEpoch, epochs, resume } = options;
  if (pretrained?.kind === 'published') publishedFile(model, pretrained.weights);
  if (resume === undefined && startEpoch >= epochs) {
    throw new UserError(`--start-epoch ${startEpoch}: nothing is left of --epochs ${epochs}. Raise --epochs.`);
  }
}

const defaultDropout = 0.5;

/** The probability of dropout: torchvision's 0.5 unless given; 0 for a model without. @throws UserError for one given to such */
export function resolveDropout(
  { model, dropout }: { model: string; dropout?: number },
  { dropoutCount }: NetworkLayout,
): number {
  if (dropoutCount > 0) return dropout ?? defaultDropout;
  if (dropout) throw new UserError(`--dropout ${dropout}: ${model} has no dropout. Leave the option out.`);
  return 0;
}

/** `describeNetwork`. @throws UserError when the image size does not fit the model */
export function requireLayout(network: NetworkOptions): NetworkLayout {
  try {
    return describeNetwork(network);
  } catch (error) {
    const { message } = error as Error;
    throw new UserError(`--model ${network.model} can't take --image-size ${network.imageSize}: ${message}`, {
      cause: error,
    });
  }
}
