import { add, average, defineOptimizer, div, mul, sqrt, weightDecay } from 'dws/graph';

/**
 * s' = alpha s + (1 - alpha) d^2, and the direction is d / (sqrt(s') + epsilon).
 *
 * @returns {import('dws/graph').Rule}
 */
const dividedBySquares = (alpha, epsilon) => ({
  vectors: ['square_avg'],
  begin(g, { state }) {
    const averageOf = average(g, state.square_avg, alpha);
    return (step) => {
      const squares = averageOf(mul(g, step.direction, step.direction));
      const direction = div(g, step.direction, add(g, sqrt(g, squares), g.scalar(epsilon)));
      return { ...step, direction, state: { square_avg: squares } };
    };
  },
});

/** RMSprop (Hinton 2012) as PyTorch has it, without momentum. */
export default defineOptimizer({
  name: 'rmsprop',
  options: {
    alpha: { default: 0.99, min: 0, below: 1, description: 'how slowly the average of the squared gradients changes' },
    epsilon: { default: 1e-8, above: 0, description: 'added to the root of that average' },
  },
  create: ({ alpha, epsilon }, shared) => [...weightDecay(shared.weightDecay), dividedBySquares(alpha, epsilon)],
});
