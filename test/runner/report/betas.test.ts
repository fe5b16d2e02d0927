import { expect, it } from 'vitest';
import { describeBetas } from '../../../src/runner/report/betas.js';

it('the lowest come from below, the highest from above, no class in both', () => {
  expect(describeBetas(Float32Array.of(1, 0.5, 2, 1.5, 1), 2)).toEqual({
    ...{ lowest: [1, 0], highest: [2, 3] },
    ...{ least: 0.5, greatest: 2, mean: 1.2 },
  });
  const { lowest, highest } = describeBetas(Float32Array.of(1, 2, 3), 9);
  expect([lowest, highest]).toEqual([[0], [2]]);
});
