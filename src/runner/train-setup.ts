/** Everything that a training needs, opened and checked: what may fail fails here, the quick checks first. */
import { join } from 'node:path';
import { dropoutBytes } from '../graph/artifacts.js';
import type { TrainingOptions } from '../graph/options.js';
import type { NetworkLayout, TrainingState } from '../graph/state.js';
import { stateTensors } from '../graph/state.js';
import { requireLayout, requireRunOptions, resolveDropout } from './check-options.js';
import type { Checkpoint, CheckpointMetadata } from './checkpoint.js';
import { loadCheckpoint, matchCheckpoint } from './checkpoint.js';
import { CheckpointFolder } from './checkpoint-folder.js';
import { ComputeThread } from './compute-thread.js';
import type { BatchPlan } from './data/batches.js';
import { planBatches } from './data/batches.js';
import { usableImages } from './data/check.js';
import type { ImageSet } from './data/folder.js';
import { listSome } from './data/list-some.js';
import { ImageLoader } from './data/loader.js';
import { openData } from './data/open-data.js';
import { UserError } from './errors.js';
import { MetricsWriter } from './metrics.js';
import { requireProvider } from './ort.js';
import { holdPretrained, obtainPretrained, recordedWeights, resumedPretrained } from './pretrained/begin.js';
import { changedOptions, recordedOptions } from './resume.js';
import type { RunOptions } from './run-options.js';
import { TrainingBoard } from './tensorboard/training-board.js';
import type { TrainHooks } from './train-events.js';

/** Steps done, where a training stands or begins. */
export interface Position {
  /** Epochs finished. */
  epoch: number;
  /** Steps of the next epoch already done. */
  epochStep: number;
  /** Steps done since the training began. */
  step: number;
}

export interface TrainSetup {
  options: RunOptions;
  training: TrainingOptions;
  layout: NetworkLayout;
  /** For the checkpoints: what decides the numbers besides `training` and the seed. */
  recorded: Record<string, unknown>;
  train: ImageSet;
  val: ImageSet;
  skipped: number;
  plan: BatchPlan;
  stepsPerEpoch: number;
  loader: ImageLoader;
  /** Has `train_loop` open and holds the state. */
  thread: ComputeThread;
  folder: CheckpointFolder;
  metrics: MetricsWriter;
  /** With `tensorboard`. */
  board: TrainingBoard | undefined;
  start: Position;
  /** The checkpoint's, when resuming. */
  best: CheckpointMetadata['best'];
  rollbacks: number;
}

/** Later in the list, closed first. */
export type Closers = (() => Promise<void>)[];

function trainingOptions(options: RunOptions, layout: NetworkLayout, train: ImageSet): TrainingOptions {
  const { model, featDim, embedDim, imageSize, batchSize, batchK, margin, nu, beta, normalizeWeights } = options;
  const {
    optimizer,
    momentum,
    weightDecay,
    backboneLrMult,
    freezeBn,
    device,
    lrBeta,
    clipNorm,
    nanPolicy,
    classes = train.classes.length,
  } = options;
  if (classes < train.classes.length) {
    throw new UserError(
      `--classes ${classes}: ${train.root} holds ${train.classes.length} classes. Give that many or more, or leave it out.`,
    );
  }
  return {
    ...{ model, featDim, embedDim, imageSize, batchSize, batchK, classes, margin, nu, beta, normalizeWeights },
    ...{ optimizer, momentum, weightDecay, backboneLrMult, freezeBn, learnBeta: lrBeta > 0, provider: device },
    dropout: resolveDropout(options, layout),
    // Absent when they are off: the checkpoints of other runs say nothing of them.
    ...(clipNorm !== undefined && { clipNorm }),
    ...(nanPolicy === 'skip' && { skipNotFinite: true }),
  };
}

/** Moves the state of a checkpoint into the thread. */
export async function holdState(
  thread: ComputeThread,
  { training, layout }: { training: TrainingOptions; layout: NetworkLayout },
  state: TrainingState,
): Promise<void> {
  const tensors = stateTensors(layout, training.optimizer, training.classes);
  await thread.hold(Object.fromEntries(tensors.map(({ name, shape }) => [name, { data: state[name]!, dims: shape }])));
}

/** Checks the images of both splits, train first. */
async function checkSplits(
  splits: { train: ImageSet; val: ImageSet },
  loader: ImageLoader,
  skipBad: boolean,
  { onEvent, signal }: TrainHooks,
): Promise<{ train: ImageSet; val: ImageSet; skipped: number }> {
  const check = async (split: 'train' | 'val') => {
    const onProgress = (done: number, total: number) => {
      signal.throwIfAborted();
      onEvent({ kind: 'check-progress', split, done, total });
    };
    return usableImages(splits[split], loader, { skipBad, onProgress });
  };
  const train = await check('train');
  const val = await check('val');
  const skipped = [...train.skipped, ...val.skipped];
  if (skipped.length > 0) {
    const names = listSome(skipped.map(({ path, reason }) => `${path}: ${reason}`));
    onEvent({ kind: 'note', message: `${skipped.length} images cannot be read and are left out:\n${names}` });
  }
  return { train: train.set, val: val.set, skipped: skipped.length };
}

/** Where the run begins. */
function startOf(options: RunOptions, resumed: Checkpoint | undefined): Position {
  if (!resumed) return { epoch: options.startEpoch, epochStep: 0, step: 0 };
  const { epoch, epochStep, step } = resumed.metadata;
  return { epoch, epochStep, step };
}

/**
 * Opens a run.
 *
 * @param closers receives what to call at the end, also when this throws
 * @throws UserError for options, data, a checkpoint, a folder or a device that can't be used; the signal's reason when it
 *   is aborted
 */
export async function openTraining(options: RunOptions, hooks: TrainHooks, closers: Closers): Promise<TrainSetup> {
  requireRunOptions(options);
  requireProvider(options);
  const { dataPath, seed, batchSize, imageSize, resize, workers, cache, keep, savePrefix, skipBad } = options;
  const listed = { train: await openData(dataPath, 'train', options), val: await openData(dataPath, 'val', options) };
  planBatches(listed.train, options);
  const layout = requireLayout(options);
  const training = trainingOptions(options, layout, listed.train);
  const resumed = options.resume === undefined ? undefined : await loadCheckpoint(options.resume);
  if (resumed) matchCheckpoint(resumed, { options: training, layout });
  const resumedWeights = resumed && (await resumedPretrained(resumed, options, hooks.signal));
  const folder = await CheckpointFolder.open(options.out, { keep, prefix: savePrefix, resumed });
  const weights = resumed ? undefined : await obtainPretrained(options, hooks);

  const thread = new ComputeThread(options);
  closers.push(() => thread.close());
  await thread.open('train_loop', training);
  hooks.signal.throwIfAborted();
  if (resumed) await holdState(thread, { training, layout }, resumed.state);
  else await thread.initialize(training, seed);
  if (weights) await holdPretrained(thread, weights, layout, hooks);

  const loader = new ImageLoader({ imageSize, resize, workers, cache });
  closers.push(() => loader.close());
  const { train, val, skipped } = await checkSplits(listed, loader, skipBad, hooks);
  const plan = planBatches(train, options, dropoutBytes(layout, training));
  const stepsPerEpoch = options.batchNum ?? Math.max(1, Math.floor(train.images.length / batchSize));
  const initialWeights = weights ? recordedWeights(weights) : resumedWeights;
  const recorded = { ...recordedOptions(options, train, stepsPerEpoch), initialWeights };
  const changes = resumed ? changedOptions(resumed, { training, recorded, seed }) : [];
  if (changes.length > 0) {
    hooks.onEvent({ kind: 'note', message: `unlike the run that wrote ${options.resume}: ${changes.join(', ')}` });
  }

  const start = startOf(options, resumed);
  const note = (message: string) => hooks.onEvent({ kind: 'note', message });
  const { lostBest } = folder;
  if (lostBest) {
    note(`the best checkpoint (step ${lostBest.step}, Recall@1 ${lostBest.recall.toFixed(4)}) is damaged or missing`);
  }
  const metrics = await MetricsWriter.open(join(options.out, `${savePrefix}metrics.jsonl`), start.step, note);
  closers.push(() => metrics.close());
  const board = options.tensorboard ? await TrainingBoard.open(options.out, start.step) : undefined;
  if (board) closers.push(() => board.close());
  const best = resumed?.metadata.best ?? null;
  const rollbacks = resumed?.metadata.rollbacks ?? 0;
  return {
    ...{ options, training, layout, recorded, train, val, skipped, plan, stepsPerEpoch },
    ...{ loader, thread, folder, metrics, board, start, best, rollbacks },
  };
}
