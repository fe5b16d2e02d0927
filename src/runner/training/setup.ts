/** Everything that a training needs, opened and checked: what may fail fails here, the quick checks first. */
import { dirname, join, resolve } from 'node:path';
import { dropoutBytes, learnsHeadAlone, uniformsShape } from '../../graph/artifacts/artifacts.js';
import { FrozenFeatures } from './frozen.js';
import { inPart } from '../../graph/declarations.js';
import { elementCount } from '../../graph/onnx/types.js';
import type { TrainingOptions } from '../../graph/options.js';
import type { NetworkLayout, TrainingState } from '../../graph/state/state.js';
import type { Parts } from '../../graph/parts/parts.js';
import { partsOf } from '../../graph/parts/parts.js';
import type { StateTensor } from '../../graph/parts/state.js';
import { firstScale, lossScale, stateTensors } from '../../graph/parts/state.js';
import type { Checkpoint, CheckpointMetadata, LeftOut } from '../checkpoints/checkpoint.js';
import { loadCheckpoint, matchCheckpoint } from '../checkpoints/checkpoint.js';
import { checkpointBytes, requireRoom } from '../checkpoints/room.js';
import { CheckpointFolder } from '../checkpoints/folder.js';
import { lockRun } from '../checkpoints/run-lock.js';
import { requireModules } from '../checkpoints/own-parts.js';
import { blueprintOf, requireSameBlueprint } from '../modules/blueprint.js';
import { isOnnxPath, partKinds } from '../modules/kinds.js';
import { rateKey, requireSameNames } from '../modules/loss-rates.js';
import { checkSplits } from './check-splits.js';
import { noneLeftOut } from './left-out.js';
import type { StepShapes } from './loop-run.js';
import { ComputeThread } from '../compute/thread.js';
import type { BatchPlan } from '../data/batches.js';
import { planBatches, smallClassesOf } from '../data/batches.js';
import { missingFolders, removeEmpty } from '../base/files.js';
import type { UsedImages } from '../data/check.js';
import type { ImageSet } from '../data/folder.js';
import { nameOfSet } from '../data/folder.js';
import { listSome } from '../base/list-some.js';
import { counted } from '../base/counted.js';
import type { WriteLock } from '../base/write-lock.js';
import { ImageLoader } from '../data/loader.js';
import { openSplits } from '../data-sets/open-data.js';
import { requirePackedSquares } from '../data/pack-file.js';
import { passedOverNote } from '../data/passed-over.js';
import { UserError } from '../base/errors.js';
import { requireStatistics } from '../options/network.js';
import { MetricsWriter } from './metrics-file.js';
import type { Ranks } from '../compute/ranks.js';
import { joinRanks } from '../compute/ranks.js';
import type { Share } from './share-of-batch.js';
import { shareOfBatch } from './share-of-batch.js';
import { requireProvider } from '../compute/session.js';
import { holdPretrained, obtainPretrained, recordedWeights, resumedPretrained } from './initial-weights.js';
import { changedOptions, otherImages, recordedOptions } from './resume.js';
import type { TrainingPlan } from '../options/plan.js';
import type { Recall } from '../evaluation/retrieval-metrics.js';
import type { RunHooks } from './events.js';
import { toldBefore } from './told-before.js';
import { recordedUntrained } from './untrained.js';

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
  plan: TrainingPlan;
  training: TrainingOptions;
  /** Of the graph that this process opens: those of its share, where ranks train apart. */
  ofRank: TrainingOptions;
  layout: NetworkLayout;
  /** Every tensor of the state. */
  state: readonly StateTensor[];
  /** Learning rates that the loss's parameters begin with, by name. */
  rates: Readonly<Record<string, number>>;
  shapes: StepShapes;
  /** For the checkpoints: what decides the numbers besides `training` and the seed. */
  recorded: Record<string, unknown>;
  train: ImageSet;
  val: ImageSet;
  used: { train: UsedImages; val: UsedImages };
  batchAt: BatchPlan;
  stepsPerEpoch: number;
  loader: ImageLoader;
  /** Features in place of images, where only the head learns. */
  frozen: { train: FrozenFeatures; val: FrozenFeatures } | undefined;
  ranks: Ranks;
  /** Of each batch. */
  share: Share;
  /** Has `train_loop` open and holds the state. */
  thread: ComputeThread;
  /** Of the folder, for this run's prefix. */
  lock: WriteLock;
  folder: CheckpointFolder;
  metrics: MetricsWriter;
  start: Position;
  /** The checkpoint's, when resuming. */
  best: CheckpointMetadata['best'];
  /** Recall@k of the untrained network, when resuming a run that tells it. */
  untrained: Recall | undefined;
  rollbacks: number;
  /** Steps that were left out before. */
  leftOut: LeftOut;
}

/** Later in the list, closed first. */
export type Closers = (() => Promise<void>)[];

/** The options of the graphs, of which only the data knows the number of classes. @throws UserError for fewer than there are */
export function withClasses({ classes: given, ...graph }: TrainingPlan['graph'], train: ImageSet): TrainingOptions {
  const found = train.classes.length;
  if (given !== undefined && given < found) {
    throw new UserError(
      `--classes ${given}: ${nameOfSet(train)} holds ${found} classes. Give that many or more, or leave it out.`,
    );
  }
  return { ...graph, classes: given ?? found };
}

/** Learning rates of the loss's parameters at the start. @throws UserError for one that the loss does not have */
function ratesOf({ loss }: Parts, { schedule, modules }: TrainingPlan): Record<string, number> {
  const { lossRates = {} } = schedule;
  const own = loss.parameters ?? [];
  if (modules.definitions.loss) inPart('loss', () => requireSameNames(modules.definitions.loss!, own));
  const unknown = Object.keys(lossRates).find((name) => !own.some((parameter) => parameter.name === name));
  if (unknown !== undefined) {
    throw new UserError(
      `learning rate of ${unknown}: the loss has ${own.map(({ name }) => name).join(', ') || 'no parameters'}.`,
    );
  }
  // Rates of parts that are here are options of the run.
  const options: Readonly<Record<string, unknown>> = modules.definitions.loss ? {} : { ...schedule };
  const optionOf = (name: string) => options[rateKey(name)] as number | undefined;
  return Object.fromEntries(
    own.map(({ name, learningRate }) => [name, lossRates[name] ?? optionOf(name) ?? learningRate]),
  );
}

/**
 * Reads a checkpoint to go on from. One of a training in float32 goes on in mixed precision with the scale that others begin with.
 *
 * @throws UserError as `loadCheckpoint`
 */
export async function loadToGoOn(path: string, tensors: readonly StateTensor[]): Promise<Checkpoint> {
  const checkpoint = await loadCheckpoint(path);
  const isScaled = tensors.some(({ name }) => name === lossScale);
  if (!isScaled || checkpoint.state[lossScale]) return checkpoint;
  return { ...checkpoint, state: { ...checkpoint.state, [lossScale]: firstScale() } };
}

/** Moves the state of a checkpoint into the thread. */
export async function holdState(
  thread: ComputeThread,
  tensors: readonly StateTensor[],
  state: TrainingState,
): Promise<void> {
  await thread.hold(Object.fromEntries(tensors.map(({ name, shape }) => [name, { data: state[name]!, dims: shape }])));
}

/**
 * Builds what modules are part of three times: twice here, and in the thread, which has loaded them by itself.
 *
 * @throws ModuleError for a module that does not do the same each time
 */
async function requireSameEachTime(
  thread: ComputeThread,
  training: TrainingOptions,
  { definitions, facts }: TrainingPlan['modules'],
): Promise<void> {
  const first = blueprintOf(training, definitions);
  for (const again of [blueprintOf(training, definitions), await thread.blueprint(training)])
    requireSameBlueprint(first, again, facts, training, definitions);
}

/** Steps of an epoch: as many as are asked for, or as take as many images as there are. */
export const stepsPerEpochOf = (
  { batchNum }: TrainingPlan['schedule'],
  { images }: ImageSet,
  { batchSize }: TrainingOptions,
): number => batchNum ?? Math.max(1, Math.floor(images.length / batchSize));

/**
 * The batch of each step, with as many random numbers as its parts take, and the shapes of these.
 *
 * @param shares how many trainings divide it
 */
export function planSteps(
  { batches, network }: TrainingPlan,
  { parts, training, train, shares = 1 }: { parts: Parts; training: TrainingOptions; train: ImageSet; shares?: number },
): { batchAt: BatchPlan; shapes: StepShapes } {
  const uniforms = uniformsShape(parts, training);
  const dropout = dropoutBytes(network.layout, training);
  const random = { uniforms: shares * (uniforms ? elementCount(uniforms) : 0), dropout: shares * dropout };
  return { batchAt: planBatches(train, batches, random), shapes: { uniforms } };
}

/** The features of all images that a frozen backbone gives. */
async function frozenFeatures(
  thread: ComputeThread,
  { training, train, val, loader, plan }: Pick<TrainSetup, 'training' | 'train' | 'val' | 'loader' | 'plan'>,
  { onEvent, signal }: RunHooks,
): Promise<NonNullable<TrainSetup['frozen']>> {
  const began = performance.now();
  const onProgress = (done: number, total: number) => onEvent({ kind: 'eval-progress', stage: 'embed', done, total });
  const of = ({ images }: ImageSet, mirrored: boolean) => {
    const paths = images.map(({ path }) => path);
    return FrozenFeatures.compute(thread, { network: training, loader, paths, mirrored }, { onProgress, signal });
  };
  const mirrored = plan.batches.flip > 0;
  const made = { train: await of(train, mirrored), val: await of(val, false) };
  const seconds = (performance.now() - began) / 1000;
  const count = train.images.length * (mirrored ? 2 : 1) + val.images.length;
  const message =
    `only the head learns: the features of ${counted(count, 'image')}${mirrored ? ', mirror images among them,' : ''} ` +
    `took ${seconds.toFixed(1)} s (${(count / seconds).toFixed(0)} a second), and are kept`;
  onEvent({ kind: 'note', message });
  return made;
}

/** Of a training by itself with its share of each batch. */
function optionsOfRank({ microBatch, ...training }: TrainingOptions, { count }: Share): TrainingOptions {
  return { ...training, batchSize: count, ...(microBatch !== undefined && microBatch < count && { microBatch }) };
}

/** Where the run begins. */
export function startOf({ startEpoch }: TrainingPlan['schedule'], resumed: Checkpoint | undefined): Position {
  if (!resumed) return { epoch: startEpoch, epochStep: 0, step: 0 };
  const { epoch, epochStep, step } = resumed.metadata;
  return { epoch, epochStep, step };
}

/**
 * Opens a run.
 *
 * @param closers receives what to call at the end, also when this throws
 * @throws UserError for data, a checkpoint, a folder or a device that can't be used; the signal's reason when it
 *   is aborted
 */
export async function openTraining(plan: TrainingPlan, told: RunHooks, closers: Closers): Promise<TrainSetup> {
  const { data, schedule, output } = plan;
  const { resume, source } = plan.weights;
  const { layout } = plan.network;
  requireProvider(plan.device);
  const listed = await openSplits(data.dataPath, schedule.evalEvery !== 0, data);
  if (listed.train.pack) requirePackedSquares(listed.train.pack, plan.images);
  planBatches(listed.train, plan.batches);
  const training = withClasses(plan.graph, listed.train);
  const note = (message: string) => told.onEvent({ kind: 'note', message });
  const thread = new ComputeThread(plan.device, plan.modules);
  closers.push(() => thread.close());
  const ranks = await joinRanks(thread, plan.ranks);
  const onEvent: RunHooks['onEvent'] = (event) => {
    // What tells that the process is there tells nothing of its work.
    if (event.kind !== 'heartbeat') ranks.worked();
    told.onEvent(event);
  };
  const hooks = { ...told, onEvent };
  if (ranks.note !== undefined) note(ranks.note);
  const share = shareOfBatch(ranks, training, plan.ranks.syncEvery !== undefined);
  const ofRank = share.isApart ? optionsOfRank(training, share) : training;
  requireStatistics(training, layout, ranks.size);
  toldBefore(training, layout, { size: ranks.size, ...plan.ranks }).forEach(note);
  const newFolders = missingFolders(output.out);
  const lock = await lockRun(output.out, output.savePrefix, { onWaiting: note, signal: hooks.signal });
  closers.push(async () => {
    await lock.release();
    // Where nothing was written.
    await removeEmpty(newFolders);
  });
  const { definitions, otherModules } = plan.modules;
  const parts = partsOf(training, definitions);
  const state = stateTensors(layout, parts);
  const resumed = resume === undefined ? undefined : await loadToGoOn(resume, state);
  const rates = ratesOf(parts, plan);
  if (resumed) {
    requireModules(resumed, plan.modules, partKinds, otherModules);
    matchCheckpoint(resumed, { options: training, layout, state });
  }
  const resumedWeights = resumed && (await resumedPretrained(resumed, source, hooks.signal));
  await requireRoom(output.out, checkpointBytes(state));
  const { keep, savePrefix: prefix } = output;
  const folder = await CheckpointFolder.open(output.out, { keep, prefix, resumed, requireHeld: lock.requireHeld });
  for (const { file, aside } of folder.setAside) note(`${file} is damaged, and kept as ${aside}`);
  const weights = resumed ? undefined : await obtainPretrained(source, hooks);

  // One process after another would have to have all features.
  const takesFeatures = learnsHeadAlone(layout) && ranks.size === 1;
  await thread.open('train_loop', { ...ofRank, takesFeatures, trainsApart: share.isApart });
  // Nothing of an ONNX file runs.
  if (plan.modules.facts.some(({ path }) => !isOnnxPath(path)))
    await requireSameEachTime(thread, training, plan.modules);
  hooks.signal.throwIfAborted();
  if (resumed) await holdState(thread, state, resumed.state);
  else await thread.initialize(training, schedule.seed);
  if (weights) await holdPretrained(thread, weights, layout, { source, training }, hooks);

  for (const set of [listed.train, listed.val]) {
    const passedOver = passedOverNote(set.passedOver ?? [], set.root, nameOfSet(set));
    if (passedOver !== undefined) note(passedOver);
  }
  const loader = new ImageLoader({ ...plan.images, pack: listed.train.pack });
  closers.push(() => loader.close());
  const { train, val, used } = await checkSplits(listed, loader, data.skipBad, hooks, ranks);
  const dropped = plan.batches.smallClasses === 'drop' ? smallClassesOf(train, plan.batches.batchK) : [];
  if (dropped.length > 0)
    note(
      `--small-classes drop leaves out what has fewer than ${plan.batches.batchK} images (--batch-k):\n${listSome(dropped)}`,
    );
  const frozen = takesFeatures
    ? await frozenFeatures(thread, { training, train, val, loader, plan }, hooks)
    : undefined;
  const { batchAt, shapes } = planSteps(plan, {
    ...{ parts, training: ofRank, train },
    shares: share.isApart ? ranks.size : 1,
  });
  const stepsPerEpoch = stepsPerEpochOf(schedule, train, training);
  const initialWeights = weights ? recordedWeights(weights, source) : resumedWeights;
  const recorded: TrainSetup['recorded'] = { ...recordedOptions(plan, train, stepsPerEpoch, rates), initialWeights };
  const { images, ...others } = recorded;
  // Machines may have other numbers of cores.
  await ranks.requireSame({ images, options: [training, schedule, { ...others, threads: undefined }] });
  const changes = resumed ? changedOptions(resumed, { training, recorded, seed: schedule.seed }) : [];
  if (changes.length > 0) note(`unlike the run that wrote ${resume}: ${changes.join(', ')}`);
  if (changes.includes(otherImages)) {
    note(
      `if their classes are others: a new training can begin with its weights, --pretrained ${resume} in place of --resume`,
    );
  }

  const start = startOf(schedule, resumed);
  const { lostBest } = folder;
  if (lostBest) {
    note(`the best checkpoint (step ${lostBest.step}, Recall@1 ${lostBest.recall.toFixed(4)}) is damaged or missing`);
  }
  const metricsFile = join(output.out, `${output.savePrefix}metrics.jsonl`);
  const goesOnHere = resume !== undefined && resolve(dirname(resume)) === resolve(output.out);
  const metrics = await MetricsWriter.open(metricsFile, { step: start.step, goesOnHere, onNote: note });
  closers.push(() => metrics.close());
  const untrained = resume !== undefined && start.step > 0 ? await recordedUntrained(metricsFile, resume) : undefined;
  const best = resumed?.metadata.best ?? null;
  const rollbacks = resumed?.metadata.rollbacks ?? 0;
  const leftOut = resumed?.metadata.leftOut ?? noneLeftOut;
  return {
    ...{ plan, training, ofRank, layout, state, rates, shapes, recorded, train, val, used, batchAt, stepsPerEpoch },
    ...{ ranks, share, loader, frozen, thread, lock, folder, metrics, start, best, untrained, rollbacks, leftOut },
  };
}
