import { expect, it } from 'vitest';
import { counted } from '../../../src/runner/base/counted.js';

it('one is one thing, and none or many are many', () => {
  expect([0, 1, 2, 1200].map((value) => counted(value, 'step'))).toEqual([
    '0 steps',
    '1 step',
    '2 steps',
    '1,200 steps',
  ]);
  expect([1, 2].map((value) => counted(value, 'query', 'queries'))).toEqual(['1 query', '2 queries']);
});
