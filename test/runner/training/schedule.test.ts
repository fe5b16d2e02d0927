import { describe, expect, it } from 'vitest';
import { learningRateAt } from '../../../src/runner/training/schedule.js';

describe('learningRateAt', () => {
  it('multiplies by the factor once for each step that has come', () => {
    const rates = [0, 19, 20, 39, 40, 59, 60, 100].map((epoch) => learningRateAt(0.8, 0.5, [20, 40, 60], epoch));
    expect(rates).toEqual([0.8, 0.8, 0.4, 0.4, 0.2, 0.2, 0.1, 0.1]);
  });

  it('does not care about the order of the steps, and counts one at epoch 0', () => {
    expect(learningRateAt(1, 0.1, [5, 0], 3)).toBe(0.1);
    expect(learningRateAt(1, 0.1, [], 3)).toBe(1);
  });
});
