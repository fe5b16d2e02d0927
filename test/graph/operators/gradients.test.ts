import { describe, expect, it } from 'vitest';
import { holdCases, withoutRule, withRule } from './cases/many.js';

/** Random cases of each operator; `gradients.long.test.ts` draws 50. */
const count = 8;

describe('random cases of each operator', () => {
  it.each(withRule)('%s: shapes are as inferred, gradients equal finite differences', async (name) => {
    expect((await holdCases(name, count)).compared).toBeGreaterThan(0);
  });

  it.each(withoutRule)('%s: shapes are as inferred', async (name) => {
    expect((await holdCases(name, count)).compared).toBe(0);
  });
});
