/** What a checkpoint records of its run, and whether another run goes on as that one would have. */
import { toldOptions } from '../options/unrecorded.js';
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { TrainingOptions } from '../../graph/options.js';
import { differingOptions } from '../options/shown-options.js';
import type { Checkpoint } from '../checkpoints/checkpoint.js';
import type { ImageSet } from '../data/folder.js';
import { moduleLabel } from '../modules/kinds.js';
import { recordedPixels } from '../options/recorded-pixels.js';
import { defaultKs } from '../options/ks.js';
import type { TrainingPlan } from '../options/plan.js';
import { printable } from '../base/printable.js';
import { shortHash } from '../base/short-hash.js';

/** A digest of the images' names and labels, the same wherever the folder is. */
function imagesDigest({ root, images }: ImageSet): string {
  const hash = createHash('sha256');
  for (const image of images) {
    hash.update(`${image.label} ${path.relative(root, image.path).replaceAll(path.sep, '/')}\n`);
  }
  return shortHash(hash.digest('hex'));
}

/**
 * The options besides those of the graphs that decide the numbers. Nothing here may differ between equal runs: no time, no folder.
 *
 * @param rates learning rates of the loss's parameters, by name
 */
export function recordedOptions(
  plan: TrainingPlan,
  train: ImageSet,
  stepsPerEpoch: number,
  rates: Readonly<Record<string, number>>,
): Record<string, unknown> {
  const { data, schedule, device, images, batches, guard, modules, evaluation, ranks } = plan;
  const { ks } = evaluation;
  const { lr, lrBeta, factor, steps, evalEvery = 1 } = schedule;
  const hasOwn = modules.definitions.loss !== undefined && Object.keys(rates).length > 0;
  const lossRates = hasOwn ? rates : schedule.lossRates;
  return {
    lr,
    lrBeta,
    factor,
    steps,
    threads: device.threads,
    ...recordedPixels({ ...images, ...batches }),
    smallClasses: batches.smallClasses,
    batchNum: stepsPerEpoch,
    images: imagesDigest(train),
    nanPolicy: guard.nanPolicy === 'stop' ? undefined : guard.nanPolicy,
    // Absent where they are as ever: the checkpoints of other runs say nothing of them.
    ...(data.valSplit !== undefined && { valSplit: data.valSplit }),
    ...(evalEvery !== 1 && { evalEvery }),
    ...(ranks.syncEvery !== undefined && { syncEvery: ranks.syncEvery }),
    ...(lossRates && { lossRates }),
    // Absent where it is the default: the checkpoints of other runs say nothing of it.
    ...(String(ks) !== String(defaultKs) && { ks }),
    ...(modules.facts.length > 0 && { modules: modules.facts.map(moduleLabel) }),
  };
}

/** Told by other options that are compared as well. */
const derived = new Set(['learnBeta', 'skipNotFinite']);

const shown = (value: unknown): string => {
  if (value === undefined) return 'not given';
  return printable(typeof value === 'object' && !Array.isArray(value) ? JSON.stringify(value) : String(value));
};

/** What `changedOptions` says of images with other names or labels. */
export const otherImages = 'other training images';

/** Each option that decides the numbers and is another one than at the checkpoint, in words. */
export function changedOptions(
  { metadata }: Checkpoint,
  now: { training: TrainingOptions; recorded: Record<string, unknown>; seed: number },
): string[] {
  const [recordedThen, recordedNow] = [metadata.runOptions, now.recorded];
  const before: Record<string, unknown> = {
    ...toldOptions({ ...metadata.options, ...recordedThen }),
    seed: metadata.seed,
  };
  const after: Record<string, unknown> = {
    ...toldOptions({ ...now.training, ...recordedNow }),
    seed: now.seed,
  };
  const keys = Object.keys({ ...after, ...before }).filter((key) => !derived.has(key));
  return differingOptions(before, after, keys).map(({ key, flag, was, now: is }) =>
    key === 'images' ? otherImages : `${flag} ${shown(is)} (was ${shown(was)})`,
  );
}
