/** The end of every chain: the direction times the learning rate. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { Rule } from './rule.js';
import { times } from './rule.js';

const scaled = (g: GraphBuilder, direction: Value, learningRate: Value): Value =>
  g.op('Mul', [direction, learningRate]);

export const learningRate: Rule = {
  begin: (g) => (step) => ({ ...step, direction: scaled(g, step.direction, step.learningRate) }),
};

/**
 * The first `bodyCount` values of a vector move at `multiple` times the learning rate.
 *
 * @param places lengths, and what divides both: see `state/rows.ts`
 */
export const slowerBody = (
  multiple: number,
  { bodyCount, paramCount, row = 1 }: { bodyCount: number; paramCount: number; row?: number },
): Rule =>
  multiple === 1
    ? learningRate
    : {
        begin: (g) => (step) => {
          const lengths = [bodyCount, paramCount - bodyCount];
          const sizes = g.ints(lengths.map((length) => length / row));
          const whole = row === 1 ? step.direction : g.op('Reshape', [step.direction, g.ints([-1, row])]);
          const [body, rest] = g.ops('Split', [whole, sizes], { axis: 0 }, 2) as [Value, Value];
          const slower = times(g, step.learningRate, multiple);
          const parts = [scaled(g, body, slower), scaled(g, rest, step.learningRate)];
          const direction = g.op('Concat', parts, { axis: 0 });
          return { ...step, direction: row === 1 ? direction : g.op('Reshape', [direction, g.ints([-1])]) };
        },
      };
