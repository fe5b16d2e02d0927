/** What a checkpoint records of its run, and whether another run goes on as that one would have. */
import { createHash } from 'node:crypto';
import path from 'node:path';
import type { TrainingOptions } from '../graph/options.js';
import { flagOf } from './check-options.js';
import type { Checkpoint } from './checkpoint.js';
import type { ImageSet } from './data/folder.js';
import type { RunOptions } from './run-options.js';
import { printable } from './weights/printable.js';

/** A digest of the images' names and labels, the same wherever the folder is. */
function imagesDigest({ root, images }: ImageSet): string {
  const hash = createHash('sha256');
  for (const image of images) {
    hash.update(`${image.label} ${path.relative(root, image.path).replaceAll(path.sep, '/')}\n`);
  }
  return hash.digest('hex').slice(0, 16);
}

/** The runner's options that decide the numbers. Nothing here may differ between equal runs: no time, no folder. */
export function recordedOptions(options: RunOptions, train: ImageSet, stepsPerEpoch: number): Record<string, unknown> {
  const { lr, lrBeta, factor, steps, threads, resize, smallClasses, nanPolicy } = options;
  return {
    lr,
    lrBeta,
    factor,
    steps,
    threads,
    resize,
    smallClasses,
    batchNum: stepsPerEpoch,
    images: imagesDigest(train),
    nanPolicy: nanPolicy === 'stop' ? undefined : nanPolicy,
  };
}

/** Told by other options that are compared as well. */
const derived = new Set(['learnBeta', 'skipNotFinite']);

const shown = (value: unknown): string => (value === undefined ? 'none' : printable(String(value)));

/** Each option that decides the numbers and is another one than at the checkpoint, in words. */
export function changedOptions(
  { metadata }: Checkpoint,
  now: { training: TrainingOptions; recorded: Record<string, unknown>; seed: number },
): string[] {
  const before: Record<string, unknown> = { ...metadata.options, ...metadata.runOptions, seed: metadata.seed };
  const after: Record<string, unknown> = { ...now.training, ...now.recorded, seed: now.seed };
  return Object.keys(after)
    .filter((key) => !derived.has(key) && JSON.stringify(after[key]) !== JSON.stringify(before[key]))
    .map((key) =>
      key === 'images' ? 'other training images' : `${flagOf(key)} ${shown(after[key])} (was ${shown(before[key])})`,
    );
}
