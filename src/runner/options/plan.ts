/** The options of a training, parsed once into parts: what follows takes the part that it needs, and checks nothing again. */
import type { TrainingOptions } from '../../graph/options.js';
import type { LoadedModules } from '../modules/kinds.js';
import { noModules } from '../modules/kinds.js';
import type { NetworkLayout } from '../../graph/state/state.js';
import { valuesOf } from '../../graph/declarations.js';
import { defaultLoss, defaultSampling } from '../../graph/parts/parts.js';
import { UserError } from '../base/errors.js';
import { defaultKs, withOne } from './ks.js';
import { requireLayout, requireStatistics, resolveDropout } from './network.js';
import { publishedFile } from './published.js';
import { recordedNormalization } from './recorded-pixels.js';
import { requireRunRules } from './rules.js';
import { recordedChoices } from './unrecorded.js';
import type { NanPolicy, PretrainedSource, RunOptions } from './run-options.js';

/** The parts that are options as they were given. */
const given = {
  data: ['dataPath', 'skipBad', 'valSplit'],
  batches: ['batchSize', 'batchK', 'smallClasses', 'seed', 'flip'],
  images: ['imageSize', 'resize', 'resizeTo', 'filter', 'workers', 'cache'],
  device: ['device', 'deviceId', 'threads', 'tf32', 'gpuMemLimit', 'deterministic'],
  schedule: ['seed', 'epochs', 'evalEvery', 'startEpoch', 'batchNum', 'lr', 'lrBeta', 'lossRates', 'factor', 'steps'],
  output: ['out', 'savePrefix', 'keep', 'checkpointEvery', 'tensorboard'],
  guard: ['nanPolicy', 'maxHours', 'stepsPerRun'],
  ranks: ['ranks', 'rankTimeout', 'syncEvery'],
} as const satisfies Record<string, readonly (keyof RunOptions)[]>;

type Given = { [Part in keyof typeof given]: Pick<RunOptions, (typeof given)[Part][number]> };

/** A file of weights: one that torchvision publishes, by its name there, or one of the user's own. */
export type WeightsSource = { kind: 'published'; file: string } | Extract<PretrainedSource, { kind: 'file' }>;

/** Holds only what is valid; what depends on the data, a checkpoint or the machine is not known yet. */
export interface TrainingPlan extends Given {
  guard: Given['guard'] & { nanPolicy: NanPolicy };
  network: { layout: NetworkLayout };
  /** Of Recall@k: ascending, each once, with 1. */
  evaluation: { ks: readonly number[] };
  /** `classes` unless the data decides. */
  graph: Omit<TrainingOptions, 'classes'> & { classes?: number };
  /** What the state begins with: a checkpoint, which `source` has to agree with, or pretrained weights, or random ones. */
  weights: { resume?: string; source?: WeightsSource };
  modules: LoadedModules & { otherModules: boolean };
  /** For the record. */
  options: RunOptions;
}

function partsOf(options: RunOptions): Given {
  const pick = <Part extends keyof Given>(part: Part): Given[Part] =>
    Object.fromEntries(given[part].map((key) => [key, options[key]])) as Given[Part];
  return {
    ...{ data: pick('data'), batches: pick('batches'), images: pick('images'), device: pick('device') },
    ...{ schedule: pick('schedule'), output: pick('output'), guard: pick('guard'), ranks: pick('ranks') },
  };
}

/** @throws UserError when the model has no such published weights */
export const weightsSource = (source: PretrainedSource, model: string): WeightsSource =>
  source.kind === 'published' ? { kind: 'published', file: publishedFile(model, source.weights) } : source;

/** @throws UserError where a module brings the backbone: whatever it is called, what is published is of other layers */
function requirePublished({ definitions: { backbone }, facts }: LoadedModules): void {
  if (!backbone) return;
  const file = facts.find(({ kind }) => kind === 'backbone')?.path;
  throw new UserError(
    `--use-pretrained: there are no published weights of the backbone ${backbone.name}${file === undefined ? '' : `, which ${file} brings`}. ` +
      `Leave the option out, or give a file of its own weights with --pretrained FILE.`,
  );
}

/** Names of the parts, and values of the options that those from elsewhere declare; what is the default is left out. */
function partNames(options: RunOptions, { backbone, loss, sampling, optimizer }: LoadedModules['definitions']) {
  const { backboneOptions, lossOptions, samplingOptions, optimizerOptions } = options;
  const name = { loss: loss?.name ?? options.loss, sampling: sampling?.name ?? options.sampling };
  return {
    model: backbone?.name ?? options.model,
    optimizer: optimizer?.name ?? options.optimizer,
    ...(name.loss !== undefined && name.loss !== defaultLoss && { loss: name.loss }),
    ...(name.sampling !== undefined && name.sampling !== defaultSampling && { sampling: name.sampling }),
    ...(backbone && { backboneOptions: valuesOf(backbone.options, backboneOptions) }),
    ...(loss && { lossOptions: valuesOf(loss.options, lossOptions) }),
    ...(sampling && { samplingOptions: valuesOf(sampling.options, samplingOptions) }),
    ...(optimizer && { optimizerOptions: valuesOf(optimizer.options, optimizerOptions) }),
  };
}

/** @throws UserError for values that a module's options can't have */
function requirePartNames(
  options: RunOptions,
  definitions: LoadedModules['definitions'],
): ReturnType<typeof partNames> {
  try {
    return partNames(options, definitions);
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error });
  }
}

function graphOf(
  options: RunOptions,
  layout: NetworkLayout,
  names: ReturnType<typeof partNames>,
): TrainingPlan['graph'] {
  const { featDim, embedDim, imageSize, batchSize, batchK, classes, margin, nu, beta, normalizeWeights } = options;
  const { momentum, weightDecay, backboneLrMult, freezeBn, device, lrBeta, clipNorm, nanPolicy, microBatch } = options;
  return {
    ...names,
    ...{ featDim, embedDim, imageSize, batchSize, batchK, classes, margin, nu, beta, normalizeWeights },
    ...{ momentum, weightDecay, backboneLrMult, freezeBn, learnBeta: lrBeta > 0, provider: device },
    ...recordedNormalization(options),
    dropout: resolveDropout(options, layout),
    // Absent when they are off: the checkpoints of other runs say nothing of them.
    ...(clipNorm !== undefined && { clipNorm }),
    ...(microBatch !== undefined && { microBatch }),
    ...recordedChoices(options),
    ...(nanPolicy === 'skip' && { skipNotFinite: true }),
  };
}

/**
 * @param modules those that `options.modules` names, loaded
 * @throws UserError naming the first option with a value that no training can run with
 */
export function parseRunOptions(options: RunOptions, modules: LoadedModules = noModules): TrainingPlan {
  requireRunRules(options);
  const { model, pretrained, startEpoch, epochs, resume, nanPolicy = 'stop' } = options;
  if (pretrained?.kind === 'published') requirePublished(modules);
  const source = pretrained && weightsSource(pretrained, model);
  if (resume === undefined && startEpoch >= epochs) {
    throw new UserError(`--start-epoch ${startEpoch}: nothing is left of --epochs ${epochs}. Raise --epochs.`);
  }
  const names = requirePartNames(options, modules.definitions);
  const layout = requireLayout({ ...options, ...names }, modules.definitions);
  requireStatistics(options, layout);
  const parts = partsOf(options);
  const ks = withOne(options.ks ?? defaultKs);
  return {
    ...parts,
    guard: { ...parts.guard, nanPolicy },
    network: { layout },
    evaluation: { ks },
    graph: graphOf(options, layout, names),
    modules: { ...modules, otherModules: options.otherModules ?? false },
    weights: { resume, source },
    options: options.ks ? { ...options, ks } : options,
  };
}
