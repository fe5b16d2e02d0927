/** Gradient clipping. */
import type { Rule } from './rule.js';

/** PyTorch's `clip_grad_norm_` adds this to the norm. */
const clipEpsilon = 1e-6;

/** direction * min(1, clipNorm / (norm + 1e-6)), as PyTorch's `clip_grad_norm_`; none when there is no clipNorm. */
export const clip = (clipNorm: number | undefined): readonly Rule[] =>
  clipNorm === undefined
    ? []
    : [
        {
          begin: (g) => (step) => {
            const { norm, direction } = step;
            if (!norm) throw new Error('clipping takes the norm of the gradient');
            return g.scope('clip', () => {
              const above = g.op('Add', [norm, g.scalar(clipEpsilon)]);
              const factor = g.op('Min', [g.op('Div', [g.scalar(clipNorm), above]), g.scalar(1)]);
              return { ...step, direction: g.op('Mul', [direction, factor]) };
            });
          },
        },
      ];
