/** What a training would take: `dws train --plan`. Opens everything that the training would open, measures two steps, writes nothing. */
import { piecesOf } from '../../graph/step/piece.js';
import { partsOf } from '../../graph/parts/parts.js';
import type { Precision, TrainingOptions } from '../../graph/options.js';
import { stateTensors } from '../../graph/parts/state.js';
import { checkpointBytes, freeBytes } from '../checkpoints/room.js';
import { loadCheckpoint } from '../checkpoints/checkpoint.js';
import { tryWritableFolder } from '../base/files.js';
import { requireProvider } from '../compute/session.js';
import { ComputeThread } from '../compute/thread.js';
import type { UsedImages } from '../data/check.js';
import { usedImages } from '../data/check.js';
import type { StepBatch } from '../data/batches.js';
import { planBatches } from '../data/batches.js';
import { ImageLoader } from '../data/loader.js';
import type { ImageSet } from '../data/folder.js';
import { openSplits } from '../data-sets/open-data.js';
import { defaultEvalBatch, embedOn } from '../evaluation/embed-on.js';
import { blamed, blaming } from '../modules/blame.js';
import { loadModules } from '../modules/load.js';
import type { TrainingPlan } from '../options/plan.js';
import { parseRunOptions } from '../options/plan.js';
import type { RunOptions } from '../options/run-options.js';
import type { TrainOptions } from '../options/train-options.js';
import { loopFeeds } from '../training/loop-run.js';
import type { RunHooks, TrainHooks } from '../training/events.js';
import { heard } from '../training/events.js';
import { checkSplits } from '../training/check-splits.js';
import { planSteps, startOf, stepsPerEpochOf, withClasses } from '../training/setup.js';
import { toldBefore } from '../training/told-before.js';
import { adviceBefore } from './advice.js';
import { prepareTraining } from './prepare-training.js';

/** What a training would take. */
export interface TrainingForecast {
  model: string;
  /** Height and width of the input, in pixels. */
  imageSize: number;
  parameters: number;
  device: string;
  precision: Precision;
  /** What the training would use. With `skipBad`, every image is decoded to know; else they are those that are listed. */
  train: UsedImages;
  val: UsedImages;
  batchSize: number;
  /** Images of a batch that go through the network at a time; absent where all do. */
  microBatch?: number;
  epochs: number;
  stepsPerEpoch: number;
  /** Steps and evaluations that are left to do, from the checkpoint on where there is one. */
  steps: number;
  evaluations: number;
  disk: {
    folder: string;
    /** Of one checkpoint. */
    checkpoint: number;
    /** Of all checkpoints at the end, and while one is written. */
    checkpoints: number;
    most: number;
    /** What is left in `folder`; absent where the file system does not tell. */
    free?: number;
  };
  /** Measured on this machine, in seconds; absent where no step is left to do. */
  seconds?: {
    step: number;
    /** Decoding a step's images, which goes on beside the step before. */
    decode: number;
    evaluation: number;
    /** Decoding every image once, before the first step. */
    check: number;
    total: number;
  };
  /** What to try where the options promise little. */
  advice: string[];
}

type Measured = Omit<NonNullable<TrainingForecast['seconds']>, 'total'>;

interface Measuring {
  plan: TrainingPlan;
  training: TrainingOptions;
  train: ImageSet;
  val: ImageSet;
  /** Images that the training would check. */
  listed: number;
}

/** Seconds that embedding an image takes, its decoding included; the first batch warms up. */
async function embedSeconds(thread: ComputeThread, loader: ImageLoader, { training, val }: Measuring) {
  const batchSize = Math.max(1, Math.min(defaultEvalBatch, Math.floor(val.images.length / 2)));
  const paths = val.images.slice(0, 2 * batchSize).map(({ path }) => path);
  const times: number[] = [];
  const onProgress = () => void times.push(performance.now());
  await embedOn(thread, { network: training, loader, paths, batchSize }, { onProgress });
  return (times.at(-1)! - times[0]!) / 1000 / batchSize;
}

/** @throws UserError for a device or images that can't be used */
async function measure(measuring: Measuring, loader: ImageLoader): Promise<Measured> {
  const { plan, training, train, val, listed } = measuring;
  const parts = partsOf(training, plan.modules.definitions);
  const { batchAt, shapes } = planSteps(plan, { parts, training, train });
  const thread = new ComputeThread(plan.device, plan.modules);
  try {
    await thread.open('train_loop', training);
    await thread.initialize(training, plan.schedule.seed);
    const rates = { lr: 0, own: Object.fromEntries((parts.loss.parameters ?? []).map(({ name }) => [name, 0])) };
    const run = async ({ indices, flips, ...batch }: StepBatch) => {
      const paths = Array.from(indices, (index) => train.images[index]!.path);
      const started = performance.now();
      const images = await loader.decode(paths, flips);
      const decode = (performance.now() - started) / 1000;
      const feeds = loopFeeds(
        { ...batch, images, steps: 1, epoch: 0, step: 0, dataSeconds: decode },
        training,
        shapes,
        rates,
      );
      const { seconds } = await thread.run('train_loop', feeds, [images.buffer]);
      return { decode, step: seconds };
    };
    // The first warms up.
    await run(batchAt(0, 0));
    const { decode, step } = await run(batchAt(0, 1));
    const evaluation =
      val.images.length === 0 ? 0 : val.images.length * (await embedSeconds(thread, loader, measuring));
    const check = (decode / training.batchSize) * listed;
    return { step, decode, evaluation, check };
  } finally {
    await thread.close();
  }
}

/** Evaluations from `start` on: one before the first step, and one after every `evalEvery` epochs; none where that is 0. */
function evaluationsLeft(start: { epoch: number; step: number }, epochs: number, evalEvery: number): number {
  if (evalEvery === 0) return 0;
  const after = Math.max(0, Math.floor(epochs / evalEvery) - Math.floor(start.epoch / evalEvery));
  return after + (start.step === 0 ? 1 : 0);
}

/** The epochs that are kept, the newest of which is the last checkpoint too; and the best, where it may be one of an earlier epoch. */
function keptFiles({ schedule: { epochs, evalEvery = 1 }, output }: TrainingPlan): number {
  const kept = Math.max(1, Math.min(output.keep, epochs));
  return kept + (evalEvery !== 0 && epochs > kept ? 1 : 0);
}

/** The one that is written before it takes a name; within an epoch, the last is none of those that are kept. */
const writtenBeside = ({ output: { keep, checkpointEvery } }: TrainingPlan): number =>
  keep > 0 && checkpointEvery !== undefined ? 2 : 1;

/**
 * @param options that `prepareTraining` has completed
 * @throws as `planTraining`
 */
export async function planPrepared(options: RunOptions, hooks: TrainHooks = {}): Promise<TrainingForecast> {
  const modules = await loadModules(options.modules);
  const plan = blaming(modules, () => parseRunOptions(options, modules));
  try {
    return await forecastOf(plan, heard(hooks));
  } catch (error) {
    throw blamed(error, modules.facts) ?? error;
  }
}

/** The images that the training would use: those that can be read where it leaves out the others, or else it needs all. */
async function usedSplits(
  splits: { train: ImageSet; val: ImageSet },
  loader: ImageLoader,
  skipBad: boolean,
  hooks: RunHooks,
) {
  if (skipBad) return checkSplits(splits, loader, skipBad, hooks);
  return { ...splits, used: { train: usedImages(splits.train, 0), val: usedImages(splits.val, 0) } };
}

async function forecastOf(plan: TrainingPlan, hooks: RunHooks): Promise<TrainingForecast> {
  requireProvider(plan.device);
  const { evalEvery = 1 } = plan.schedule;
  const listed = await openSplits(plan.data.dataPath, evalEvery !== 0, plan.data);
  const loader = new ImageLoader({ ...plan.images, cache: 'none', pack: listed.train.pack });
  try {
    return await forecastWith(plan, listed, loader, hooks);
  } finally {
    await loader.close();
  }
}

async function forecastWith(
  plan: TrainingPlan,
  listed: { train: ImageSet; val: ImageSet },
  loader: ImageLoader,
  hooks: RunHooks,
): Promise<TrainingForecast> {
  const { data, schedule, output, device, network, weights } = plan;
  const { evalEvery = 1 } = schedule;
  planBatches(listed.train, plan.batches);
  const training = withClasses(plan.graph, listed.train);
  await tryWritableFolder(output.out);
  const resumed = weights.resume === undefined ? undefined : await loadCheckpoint(weights.resume);
  const start = startOf(schedule, resumed);
  const { train, val, used } = await usedSplits(listed, loader, data.skipBad, hooks);
  planBatches(train, plan.batches);
  const stepsPerEpoch = stepsPerEpochOf(schedule, train, training);
  const epochsLeft = Math.max(0, schedule.epochs - start.epoch);
  const steps = Math.max(0, epochsLeft * stepsPerEpoch - start.epochStep);
  const evaluations = evaluationsLeft(start, schedule.epochs, evalEvery);

  const bytes = checkpointBytes(stateTensors(network.layout, partsOf(training, plan.modules.definitions)));
  const checkpoints = bytes * keptFiles(plan);
  const free = await freeBytes(output.out);
  const total = listed.train.images.length + listed.val.images.length;
  const seconds = steps > 0 ? await measure({ plan, training, train, val, listed: total }, loader) : undefined;
  return {
    model: training.model,
    imageSize: training.imageSize,
    parameters: network.layout.paramCount,
    device: device.device,
    precision: training.precision ?? 'fp32',
    ...used,
    batchSize: training.batchSize,
    ...piecesOf(training),
    epochs: schedule.epochs,
    ...{ stepsPerEpoch, steps, evaluations },
    disk: { folder: output.out, checkpoint: bytes, checkpoints, most: checkpoints + bytes * writtenBeside(plan), free },
    ...(seconds && {
      seconds: {
        ...seconds,
        total: seconds.check + steps * Math.max(seconds.step, seconds.decode) + evaluations * seconds.evaluation,
      },
    }),
    advice: [...toldBefore(training, network.layout), ...adviceBefore(plan)],
  };
}

/**
 * What a training would take: images, classes and steps, the disk that its checkpoints need, and the time by two measured steps.
 * Nothing is written, and no weights are downloaded.
 *
 * @throws UserError for what would keep the training from starting: options, data, a checkpoint, a folder with another training, a
 *   device. Without `skipBad`, images are only listed, but for those that are measured with: `surveyData` decodes them all
 */
export async function planTraining(options: TrainOptions, hooks: TrainHooks = {}): Promise<TrainingForecast> {
  return planPrepared((await prepareTraining(options)).options, hooks);
}
