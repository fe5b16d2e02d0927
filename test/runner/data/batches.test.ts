import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Philox } from '../../../src/graph/state/philox.js';
import type { BatchOptions } from '../../../src/runner/data/batches.js';
import { planBatches } from '../../../src/runner/data/batches.js';
import type { ImageSet } from '../../../src/runner/data/folder.js';
import { UserError } from '../../../src/runner/base/errors.js';

/** A set with that many images in each class. */
function setOf(sizes: readonly number[]): ImageSet {
  const images = sizes.flatMap((size, label) =>
    Array.from({ length: size }, (_, i) => ({ path: `/${label}/${i}.jpg`, label })),
  );
  return { root: '/data/train', split: 'train', classes: sizes.map((_, i) => `class${i}`), images };
}

const plan = (sizes: number[], options: Partial<BatchOptions> = {}) =>
  planBatches(
    setOf(sizes),
    { batchSize: 6, batchK: 3, smallClasses: 'error', seed: 1, ...options },
    { uniforms: 12, dropout: 8 },
  );

function failure(sizes: number[], options: Partial<BatchOptions>): string {
  let thrown: unknown;
  try {
    plan(sizes, options);
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(UserError);
  return (thrown as UserError).message;
}

describe('planBatches', () => {
  const shapes = fc
    .record({
      k: fc.integer({ min: 2, max: 5 }),
      classes: fc.integer({ min: 2, max: 6 }),
      more: fc.nat(10),
      smallClasses: fc.constantFrom('drop' as const, 'repeat' as const),
      seed: fc.nat(),
      epoch: fc.nat(100),
      step: fc.nat(1000),
    })
    .chain((shape) => {
      const enough = Array.from({ length: shape.classes }, () => fc.integer({ min: shape.k, max: 12 }));
      const any = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: shape.more });
      return fc.record({ shape: fc.constant(shape), large: fc.tuple(...enough), any });
    });

  describe('mirrors images', () => {
    const flipsOf = (flip?: number) =>
      Array.from({ length: 200 }, (_, step) => [
        ...plan([9, 9], flip === undefined ? {} : { flip })(2, step).flips,
      ]).flat();

    it('every other one unless told otherwise, by the numbers that it always did', () => {
      const before = Array.from({ length: 200 }, (_, step) => {
        const random = new Philox(1, 'flip', 2, step);
        return Array.from({ length: 6 }, () => random.int(2));
      });
      expect(flipsOf()).toEqual(before.flat());
      expect(flipsOf(0.5)).toEqual(before.flat());
    });

    it('none, all, or as many as told', () => {
      expect(flipsOf(0)).not.toContain(1);
      expect(flipsOf(1)).not.toContain(0);
      const share = flipsOf(0.2).reduce((a, b) => a + b, 0) / 1200;
      expect(Math.abs(share - 0.2)).toBeLessThan(0.05);
    });
  });

  it('draws distinct classes, and of each distinct images in consecutive places', () => {
    fc.assert(
      fc.property(shapes, ({ shape, large, any }) => {
        const sizes = [...any, ...large];
        const set = setOf(sizes);
        const { k, classes, epoch, step } = shape;
        const options = { ...shape, batchSize: k * classes, batchK: k };
        const batch = planBatches(set, options, { uniforms: 7, dropout: 5 })(epoch, step);
        expect(batch.indices).toHaveLength(k * classes);
        expect([...batch.labels]).toEqual([...batch.indices].map((index) => set.images[index]!.label));
        const drawn = Array.from({ length: classes }, (_, i) => batch.labels[i * k]!);
        expect(new Set(drawn).size).toBe(classes);
        for (const [i, label] of drawn.entries()) {
          expect([...batch.labels.subarray(i * k, (i + 1) * k)]).toEqual(new Array(k).fill(label));
          const members = new Set(batch.indices.subarray(i * k, (i + 1) * k));
          expect(members.size).toBe(Math.min(k, sizes[label]!));
          if (shape.smallClasses === 'drop') expect(sizes[label]).toBeGreaterThanOrEqual(k);
        }
        expect(batch.flips).toHaveLength(k * classes);
        expect(batch.dropout).toHaveLength(5);
        expect(batch.uniforms).toHaveLength(7);
        expect(batch.uniforms.every((uniform) => uniform >= 0 && uniform < 1)).toBe(true);
      }),
    );
  });

  it('is a function of seed, epoch and step, whatever was asked before', () => {
    const sizes = [9, 9, 9, 9, 9];
    const straight = plan(sizes);
    for (let step = 0; step < 5; step++) straight(0, step);
    expect(straight(2, 3)).toEqual(plan(sizes)(2, 3));
    const others = [plan(sizes)(2, 4), plan(sizes)(3, 3), plan(sizes, { seed: 2 })(2, 3)];
    for (const field of ['indices', 'flips', 'uniforms', 'dropout'] as const) {
      const different = others.filter((batch) => batch[field].join() !== straight(2, 3)[field].join());
      expect(different.length, field).toBeGreaterThan(1);
    }
  });

  it('draws classes, images and flips evenly', () => {
    const sizes = [4, 4, 8, 4];
    const set = setOf(sizes);
    const counts = new Array<number>(set.images.length).fill(0);
    let flips = 0;
    const steps = 2000;
    const at = plan(sizes, { batchSize: 4, batchK: 2 });
    for (let step = 0; step < steps; step++) {
      const batch = at(0, step);
      for (const index of batch.indices) counts[index]!++;
      flips += batch.flips.reduce((sum, flip) => sum + flip, 0);
    }
    for (const [index, count] of counts.entries()) {
      const share = (steps * 4) / 4 / sizes[set.images[index]!.label]!;
      expect(Math.abs(count / share - 1)).toBeLessThan(0.2);
    }
    expect(flips / (steps * 4)).toBeCloseTo(0.5, 1);
  });

  it('repeats the images of a small class as evenly as it can', () => {
    const batch = plan([2, 1], { batchSize: 10, batchK: 5, smallClasses: 'repeat' })(0, 0);
    const counts = [0, 1, 2].map((index) => batch.indices.filter((other) => other === index).length);
    expect(counts[2]).toBe(5);
    expect(counts.slice(0, 2).sort()).toEqual([2, 3]);
  });

  it('lists classes that are too small, ten at most', () => {
    const message = failure([...new Array<number>(12).fill(2), 3, 3], {});
    expect(message).toMatch(/12 of 14 classes have fewer than 3 images/);
    expect(message).toMatch(/\n {2}class0 \(2\)\n/);
    expect(message).toMatch(/class9 \(2\)\n {2}and 2 more\n.*--small-classes drop/);
  });

  it('refuses batches that cannot be', () => {
    const sizes = [5, 5, 5];
    expect(failure(sizes, { batchSize: 7 })).toMatch(/--batch-size 7 is not a multiple of --batch-k 3/);
    expect(failure(sizes, { batchSize: 0 })).toMatch(/--batch-size 0/);
    expect(failure(sizes, { batchK: 1 })).toMatch(/--batch-k 1: .*at least 2/);
    expect(failure(sizes, { batchSize: 3 })).toMatch(/one class only.*6 or more/);
    expect(failure(sizes, { batchSize: 12 })).toMatch(/takes 4 classes a batch, but \/data\/train has 3/);
    expect(failure([5, 5, 2, 2], { batchSize: 9, smallClasses: 'drop' })).toMatch(
      /has 2 with 3 images or more\. Give a --batch-size of 6 or less, or add classes, or images/,
    );
    expect(failure([5, 0], { smallClasses: 'repeat' })).toMatch(/takes 2 classes a batch, but .* has 1/);
  });
});
