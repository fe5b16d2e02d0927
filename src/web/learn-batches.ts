/** Which examples each step of a head's training sees. */
import { Philox } from '../graph/state/philox.js';

/** The most images of a class in a batch, and the most classes. */
const most = { images: 5, classes: 16 } as const;

export interface BatchShape {
  /** Images a step: `batchK` of each class drawn. */
  batchSize: number;
  batchK: number;
}

/** @param groups the places of each class's examples; two classes or more, of two examples or more */
export function batchShapeFor(groups: readonly (readonly number[])[]): BatchShape {
  const largest = groups.reduce((most, { length }) => Math.max(most, length), 0);
  const batchK = Math.min(largest, most.images);
  return { batchK, batchSize: batchK * Math.min(groups.length, most.classes) };
}

export interface Batches {
  /** Places of examples, [steps, batchSize]; images of one class stand in `batchK` consecutive places. */
  indices: Int32Array;
  /** Places in `groups`, [steps, batchSize]. */
  labels: Int32Array;
  /** Random numbers in [0, 1) for the sampling of negatives, [steps, batchSize, batchK - 1]. */
  uniforms: Float32Array;
}

/**
 * Draws the batches of some consecutive steps. A class of fewer than `batchK` examples has some of them repeated, as evenly
 * as possible; a repeated one is a positive at distance 0, which adds nothing to the gradient.
 *
 * @param first the first step's number: a step's batch is a function of (seed, step) alone
 */
export function drawBatches(
  groups: readonly (readonly number[])[],
  { batchSize, batchK }: BatchShape,
  { seed, first, steps }: { seed: number; first: number; steps: number },
): Batches {
  const batches: Batches = {
    indices: new Int32Array(steps * batchSize),
    labels: new Int32Array(steps * batchSize),
    uniforms: new Float32Array(steps * batchSize * (batchK - 1)),
  };
  const perStep = batchSize * (batchK - 1);
  for (let i = 0; i < steps; i++) {
    const step = first + i;
    const random = new Philox(seed, 'images', 0, step);
    new Philox(seed, 'classes', 0, step).choose(groups.length, batchSize / batchK).forEach((label, place) => {
      const at = i * batchSize + place * batchK;
      const group = groups[label]!;
      batches.indices.set(
        random.chooseEvenly(group.length, batchK).map((member) => group[member]!),
        at,
      );
      batches.labels.fill(label, at, at + batchK);
    });
    new Philox(seed, 'sampling', 0, step).fillUnit(batches.uniforms.subarray(i * perStep, (i + 1) * perStep));
  }
  return batches;
}
