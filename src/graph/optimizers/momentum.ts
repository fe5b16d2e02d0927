/** Momentum as PyTorch's SGD has it. */
import type { Rule } from './rule.js';
import { requireSettings, times } from './rule.js';

const velocities = (rate: number): Rule => ({
  vectors: ['momentum'],
  begin: (g, { state }) => {
    const slowed = times(g, state['momentum']!, rate);
    return (step) => {
      const velocity = g.op('Add', [slowed, step.direction]);
      return { ...step, direction: velocity, state: { momentum: velocity } };
    };
  },
});

/** v' = momentum v + direction, which is the new direction. A first step from v = 0 equals PyTorch's. @throws Error for a rate that is no number */
export const momentum = (rate: number): Rule => {
  requireSettings('momentum', { rate }, { rate: {} });
  return velocities(rate);
};
