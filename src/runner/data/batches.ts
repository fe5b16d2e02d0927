/** Balanced batches: which images each step sees, as a pure function of (seed, epoch, step). */
import { Philox } from '../../graph/state/philox.js';
import { UserError } from '../base/errors.js';
import type { ImageSet } from './folder.js';
import { classSizes, nameOfSet } from './folder.js';
import { listSome } from '../base/list-some.js';

export interface BatchOptions {
  /** N: images a step. */
  batchSize: number;
  /** Images of each class in a batch. */
  batchK: number;
  /** What to do with classes of fewer than `batchK` images: refuse, leave them out, or repeat some of their images. */
  smallClasses: 'error' | 'drop' | 'repeat';
  seed: number;
  /** Probability of an image to be mirrored, in [0, 1]; 0.5 unless given. */
  flip?: number;
}

/** One step's data but for the pixels; images of one class stand in `batchK` consecutive places. */
export interface StepBatch {
  /** Places in `ImageSet.images`, [N]. */
  indices: Int32Array;
  /** [N] */
  labels: Int32Array;
  /** 1 where the image is to be mirrored, [N]. */
  flips: Uint8Array;
  /** Random numbers in [0, 1) for the sampling. */
  uniforms: Float32Array;
  /** Random bytes for dropout. */
  dropout: Uint8Array;
}

export type BatchPlan = (epoch: number, step: number) => StepBatch;

const positiveInteger = (value: number) => Number.isInteger(value) && value > 0;

function requireShape({ batchSize, batchK }: BatchOptions): void {
  if (!positiveInteger(batchK) || batchK < 2) {
    throw new UserError(
      `--batch-k ${batchK}: a class needs at least 2 images in a batch, an anchor and a positive. Give 2 or more.`,
    );
  }
  if (!positiveInteger(batchSize) || batchSize % batchK !== 0) {
    throw new UserError(`--batch-size ${batchSize} is not a multiple of --batch-k ${batchK}: give one that is.`);
  }
  if (batchSize / batchK < 2) {
    throw new UserError(
      `--batch-size ${batchSize} with --batch-k ${batchK} holds one class only, and no negatives. ` +
        `Give a --batch-size of ${2 * batchK} or more.`,
    );
  }
}

/** The classes of fewer images than a batch takes of one, each with how many it has: `wren (1)`. */
export function smallClassesOf(set: ImageSet, batchK: number): string[] {
  return classSizes(set).flatMap((size, label) => (size < batchK ? [`${set.classes[label]} (${size})`] : []));
}

/** The places of each class's images, for the classes that batches may be drawn from. */
function groupByClass(set: ImageSet, { batchSize, batchK, smallClasses }: BatchOptions): number[][] {
  const groups = set.classes.map((): number[] => []);
  for (const [index, { label }] of set.images.entries()) groups[label]!.push(index);

  const isSmall = (group: readonly number[]) => group.length < batchK;
  const small = smallClassesOf(set, batchK);
  if (smallClasses === 'error' && small.length > 0) {
    throw new UserError(
      `${nameOfSet(set)}: ${small.length} of ${set.classes.length} classes have fewer than ${batchK} images (--batch-k):\n` +
        `${listSome(small)}\nLeave them out with --small-classes drop, repeat their images with --small-classes repeat, ` +
        `or lower --batch-k.`,
    );
  }
  const kept = groups.filter((group) => (smallClasses === 'repeat' ? group.length > 0 : !isSmall(group)));
  const needed = batchSize / batchK;
  if (kept.length < needed) {
    const smaller = kept.length < 2 ? 'Add' : `Give a --batch-size of ${kept.length * batchK} or less, or add`;
    throw new UserError(
      `--batch-size ${batchSize} with --batch-k ${batchK} takes ${needed} classes a batch, but ${nameOfSet(set)} has ` +
        `${kept.length}${smallClasses === 'drop' ? ` with ${batchK} images or more` : ''}. ` +
        `${smaller} classes${smallClasses === 'drop' ? ', or images to those that have fewer' : ''}.`,
    );
  }
  return kept;
}

/** `k` members in random order: distinct ones, or as evenly repeated as possible when there are fewer. */
function chooseMembers(group: readonly number[], k: number, random: Philox): number[] {
  const chosen: number[] = [];
  while (chosen.length < k) {
    const places = random.choose(group.length, Math.min(k - chosen.length, group.length));
    for (const place of places) chosen.push(group[place]!);
  }
  return chosen;
}

/** A random word -> [0, 1). Odd words lie below a half: what one in two was decided by before there were other probabilities. */
const flipPlace = (word: number): number => (((word & 1) === 1 ? 0 : 2 ** 31) + (word >>> 1)) / 2 ** 32;

/**
 * Plans the batches of a run: `batchSize / batchK` distinct classes drawn uniformly, and of each `batchK` distinct
 * images. No step depends on another one, so that a resumed run sees what an uninterrupted one would have seen.
 *
 * @param random how many random numbers each step's `uniforms` and `dropout` hold
 * @throws UserError when `batchSize` and `batchK` do not fit each other or the classes that there are
 */
export function planBatches(
  set: ImageSet,
  options: BatchOptions,
  random: { uniforms: number; dropout: number } = { uniforms: 0, dropout: 0 },
): BatchPlan {
  requireShape(options);
  const groups = groupByClass(set, options);
  const { batchSize, batchK, seed, flip = 0.5 } = options;
  return (epoch, step) => {
    const imageRandom = new Philox(seed, 'images', epoch, step);
    const flipRandom = new Philox(seed, 'flip', epoch, step);
    const indices = Int32Array.from(
      new Philox(seed, 'classes', epoch, step)
        .choose(groups.length, batchSize / batchK)
        .flatMap((place) => chooseMembers(groups[place]!, batchK, imageRandom)),
    );
    return {
      indices,
      labels: indices.map((index) => set.images[index]!.label),
      flips: new Uint8Array(batchSize).map(() => Number(flipPlace(flipRandom.uint32()) < flip)),
      uniforms: new Philox(seed, 'sampling', epoch, step).fillUnit(new Float32Array(random.uniforms)),
      dropout: new Philox(seed, 'dropout', epoch, step).fillBytes(new Uint8Array(random.dropout)),
    };
  };
}
