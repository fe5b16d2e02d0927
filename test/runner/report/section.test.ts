import { expect, it } from 'vitest';
import type { RunFiles } from '../../../src/runner/report/run-files.js';
import { imagesText, usedOf } from '../../../src/runner/report/section.js';

const listed = {
  ...{ root: '/data', split: 'train', classes: ['a', 'b'] },
  images: [0, 0, 1].map((label, i) => ({ path: `/data/${i}.png`, label })),
};
const filesOf = (images: unknown) => ({ run: { last: { images } }, data: { train: listed } }) as unknown as RunFiles;

it('tells the images that the run used, not those that are listed; of older records, the latter', () => {
  const train = { images: 2, classes: 2, skipped: 1 };
  expect(usedOf(filesOf({ train, val: train }), 'train')).toBe(train);
  expect(usedOf(filesOf(undefined), 'train')).toEqual({ images: 3, classes: 2, skipped: 0 });
  expect(usedOf(filesOf(undefined), 'val')).toBeUndefined();
  expect(imagesText(train)).toBe('2 images of 2 classes, 1 can’t be read and is left out');
});
