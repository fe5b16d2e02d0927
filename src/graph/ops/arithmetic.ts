/** Element-wise arithmetic with NumPy broadcasting, by name; gradients are the operators' own. */
import type { GraphBuilder } from '../builder/builder.js';
import { requireBuilder } from '../builder/listing.js';
import type { OperatorName } from '../onnx/names.js';
import type { Value } from '../onnx/nodes.js';

const binary =
  (type: OperatorName) =>
  (g: GraphBuilder, a: Value, b: Value): Value => {
    requireBuilder(g, `${type.toLowerCase()}(g, a, b)`);
    return g.op(type, [a, b]);
  };
const unary =
  (type: OperatorName) =>
  (g: GraphBuilder, x: Value): Value => {
    requireBuilder(g, `${type.toLowerCase()}(g, x)`);
    return g.op(type, [x]);
  };

export const add = binary('Add');
export const sub = binary('Sub');
export const mul = binary('Mul');
export const div = binary('Div');
export const exp = unary('Exp');
export const log = unary('Log');
export const sqrt = unary('Sqrt');
export const relu = unary('Relu');

/** max(x, low); the gradient passes where x > low, as in PyTorch's `clamp` but for the boundary itself. */
export const clampMin = (g: GraphBuilder, x: Value, low: number): Value => {
  requireBuilder(g, 'clampMin(g, x, low)');
  return g.op('Max', [x, g.scalar(low, x.dtype)]);
};
