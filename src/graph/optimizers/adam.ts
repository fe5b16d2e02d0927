/** Adam's averages (Kingma and Ba 2015), with PyTorch's conventions. */
import type { Value } from '../onnx/nodes.js';
import type { Rule } from './rule.js';
import { average, requireSettings } from './rule.js';

export interface AdamSettings {
  beta1: number;
  beta2: number;
  epsilon: number;
}

export const adamDefaults: AdamSettings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };

const share = { min: 0, below: 1 };

const averages = ({ beta1, beta2, epsilon }: AdamSettings): Rule => ({
  vectors: ['exp_avg', 'exp_avg_sq'],
  scalars: { bias_correction: [2] },
  begin: (g, { state }) => {
    const averageFirst = average(g, state['exp_avg']!, beta1);
    const averageSecond = average(g, state['exp_avg_sq']!, beta2);
    return ({ direction, learningRate, norm }) => {
      const first = averageFirst(direction);
      const second = averageSecond(g.op('Mul', [direction, direction]));
      const decay = g.op('Mul', [state['bias_correction']!, g.constant('float32', [2], [beta1, beta2])]);
      const ones = g.constant('float32', [2], [1 - beta1, 1 - beta2]);
      const correction = g.op('Add', [decay, ones]);
      const [c1, c2] = g.ops('Split', [correction, g.ints([1, 1])], { axis: 0 }, 2) as [Value, Value];
      const denominator = g.op('Add', [g.op('Sqrt', [g.op('Div', [second, c2])]), g.scalar(epsilon)]);
      return {
        direction: g.op('Div', [first, denominator]),
        learningRate: g.op('Div', [learningRate, c1]),
        norm,
        state: { exp_avg: first, exp_avg_sq: second, bias_correction: correction },
      };
    };
  },
});

/**
 * m' = b1 m + (1 - b1) d, v' = b2 v + (1 - b2) d^2, direction m' / (sqrt(v' / c2) + eps) at a learning rate of lr / c1, where
 * c = 1 - b^t.
 *
 * `bias_correction` [2] holds (c1, c2). It is carried as the running average of ones, c' = b c + (1 - b), because 1 - b^t
 * cancels in float32: at the first steps of b2 = 0.999 five digits are left.
 *
 * @throws Error for settings that are none
 */
export const adamAverages = (settings: AdamSettings = adamDefaults): Rule => {
  requireSettings('adamAverages', settings, { beta1: share, beta2: share, epsilon: { min: 0 } });
  return averages(settings);
};
