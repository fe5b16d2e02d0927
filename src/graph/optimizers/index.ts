/** Every optimizer by its name: a chain of rules each. */
import { adamAverages } from './adam.js';
import { momentum } from './momentum.js';
import type { OptimizerDefinition } from './rule.js';
import { defineOptimizer } from './rule.js';
import { weightDecay } from './weight-decay.js';

/** v' = momentum v + (gradient + wd p), p' = p - lr v'. */
export const sgd = defineOptimizer({
  name: 'sgd',
  options: {},
  create: (_, shared) => [...weightDecay(shared.weightDecay), momentum(shared.momentum)],
});

/** p' = p - lr (m' / c1) / (sqrt(v' / c2) + eps), of d = gradient + wd p. */
export const adam = defineOptimizer({
  name: 'adam',
  options: {},
  create: (_, shared) => [...weightDecay(shared.weightDecay), adamAverages()],
});

export const optimizers: Readonly<Record<string, OptimizerDefinition>> = {
  sgd: sgd,
  adam: adam,
};
