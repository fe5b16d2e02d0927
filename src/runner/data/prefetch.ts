/** Decodes the coming steps' images while the current ones are trained on. */
import type { BatchPlan, StepBatch } from './batches.js';
import { UserError } from '../base/errors.js';
import { BadImageError } from './image-file.js';

/** Consecutive steps of one epoch, stacked: what one run of the training loop takes. */
export interface TrainingRun {
  epoch: number;
  /** The first step's number in its epoch. */
  step: number;
  /** How many steps these are. */
  steps: number;
  /**
   * RGB, uint8, [steps, images, H, W, 3], of the images that the plan has for this process; or features of them, [steps, images, featDim]. The
   * consumer's own.
   */
  images: Uint8Array | Float32Array;
  /** [steps, N] */
  labels: Int32Array;
  /** [steps, random numbers of the sampling] */
  uniforms: Float32Array;
  /** [steps, bytes of dropout] */
  dropout: Uint8Array;
  /** How long the consumer waited for this run, in seconds. */
  dataSeconds: number;
}

/** What a network is given of images: their pixels, or features. */
export interface ImageSource {
  decode(paths: readonly string[], flips: ArrayLike<number>): Promise<Uint8Array | Float32Array>;
  /** What an image takes. */
  imageBytes: number;
}

export interface PrefetchOptions {
  plan: BatchPlan;
  /** File of each image that the plan's indices mean. */
  paths: readonly string[];
  loader: Pick<ImageSource, 'decode'>;
  /** The first step to make. */
  from: { epoch: number; step: number };
  /** The epoch to stop before. */
  epochs: number;
  stepsPerEpoch: number;
  /** How many steps the run from a step of its epoch on should hold, at least 1; asked when its decoding starts. Runs end with their epoch. */
  stepsInNextRun: (step: number) => number;
  /** How many runs are decoded ahead of the one that the consumer holds, at least 1. */
  ahead: number;
}

type Decoded = Omit<TrainingRun, 'dataSeconds'>;

/** Joins the batches of consecutive steps, field by field. */
function stackSteps(batches: readonly StepBatch[]): StepBatch {
  const [first] = batches as [StepBatch];
  const room = batches.length;
  const stacked: StepBatch = {
    indices: new Int32Array(room * first.indices.length),
    labels: new Int32Array(room * first.labels.length),
    flips: new Uint8Array(room * first.flips.length),
    uniforms: new Float32Array(room * first.uniforms.length),
    dropout: new Uint8Array(room * first.dropout.length),
  };
  for (const [i, batch] of batches.entries()) {
    for (const field of ['indices', 'labels', 'flips', 'uniforms', 'dropout'] as const) {
      stacked[field].set(batch[field], i * batch[field].length);
    }
  }
  return stacked;
}

/** All images have been decoded once before a training. */
function explainChange(error: unknown): never {
  if (!(error instanceof BadImageError)) throw error;
  const advice = 'It could be read before the first step: put it back as it was, and go on with --resume auto.';
  throw new UserError(`${error.message}. ${advice}`, { cause: error });
}

/**
 * The runs of a training, in order. Leaving the iteration early is safe at any time: runs that are still being decoded
 * are forgotten, failed or not (closing the loader stops their work).
 *
 * @throws what `decode` rejects with, in the place of the run that it was for
 */
export async function* prefetchRuns(options: PrefetchOptions): AsyncGenerator<TrainingRun, void, undefined> {
  const { plan, paths, loader, epochs, stepsPerEpoch, stepsInNextRun, ahead } = options;
  const pending: Promise<Decoded>[] = [];
  let { epoch, step } = options.from;

  const decode = async (first: { epoch: number; step: number }, steps: number): Promise<Decoded> => {
    const batches = Array.from({ length: steps }, (_, i) => plan(first.epoch, first.step + i));
    const { indices, flips, ...stacked } = stackSteps(batches);
    const files = Array.from(indices, (index) => paths[index]!);
    const images = await loader.decode(files, flips).catch(explainChange);
    return { ...first, steps, images, ...stacked };
  };
  const more = () => epoch < epochs - 1 || (epoch === epochs - 1 && step < stepsPerEpoch);
  const start = (): void => {
    if (step >= stepsPerEpoch) {
      epoch++;
      step = 0;
    }
    const steps = Math.min(Math.max(1, stepsInNextRun(step)), stepsPerEpoch - step);
    const run = decode({ epoch, step }, steps);
    // A failure is reported when the consumer gets there; until then it must not count as unhandled.
    run.catch(() => undefined);
    pending.push(run);
    step += steps;
  };

  for (;;) {
    const asked = performance.now();
    // The run that is handed out next, and `ahead` behind it.
    while (pending.length <= ahead && more()) start();
    const next = pending.shift();
    if (next === undefined) return;
    const run = await next;
    yield { ...run, dataSeconds: (performance.now() - asked) / 1000 };
  }
}
