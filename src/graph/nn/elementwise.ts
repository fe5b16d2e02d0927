/** Operators of one input that work on each element by itself: the same for every layout. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { OperatorName } from '../onnx/names.js';

const elementwiseOperators = [
  'Abs',
  'Erf',
  'Exp',
  'HardSigmoid',
  'LeakyRelu',
  'Log',
  'Neg',
  'Relu',
  'Sigmoid',
  'Softplus',
  'Sqrt',
  'Tanh',
] as const satisfies readonly OperatorName[];
export type ElementwiseOperator = (typeof elementwiseOperators)[number];

/** @throws Error for an operator that is none of them */
export function elementwise(g: GraphBuilder, operator: ElementwiseOperator, x: Value): Value {
  if (elementwiseOperators.includes(operator)) return g.op(operator, [x]);
  throw new Error(`nn.elementwise takes one of ${elementwiseOperators.join(', ')}, not ${String(operator)}`);
}
