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

/** The first `bodyCount` values of a vector move at `multiple` times the learning rate. */
export const slowerBody = (
  multiple: number,
  { bodyCount, paramCount }: { bodyCount: number; paramCount: number },
): Rule =>
  multiple === 1
    ? learningRate
    : {
        begin: (g) => (step) => {
          const sizes = g.ints([bodyCount, paramCount - bodyCount]);
          const [body, rest] = g.ops('Split', [step.direction, sizes], { axis: 0 }, 2) as [Value, Value];
          const slower = times(g, step.learningRate, multiple);
          const parts = [scaled(g, body, slower), scaled(g, rest, step.learningRate)];
          return { ...step, direction: g.op('Concat', parts, { axis: 0 }) };
        },
      };
