/** Weight decay. */
import type { Rule } from './rule.js';
import { requireSettings, times } from './rule.js';

/**
 * direction + decay * parameter. In front of the other rules this is the gradient of decay / 2 |parameter|^2 (L2 regularization, as
 * PyTorch's SGD and Adam have it); behind them, decoupled weight decay (Loshchilov and Hutter 2019, AdamW).
 *
 * @throws Error for a decay that is no number
 */
export function weightDecay(decay: number): readonly Rule[] {
  requireSettings('weightDecay', { decay }, { decay: {} });
  if (decay === 0) return [];
  return [
    {
      begin: (g, { parameter }) => {
        const decayed = times(g, parameter, decay);
        return (step) => ({ ...step, direction: g.op('Add', [step.direction, decayed]) });
      },
    },
  ];
}
