/** Operators that move elements without changing them, and their gradients. */
import type { GraphBuilder, Value } from '../builder.js';

const numbers = (shape: Value['shape']): number[] => shape as number[];

/** Same elements in row-major order, another shape; -1 stands for what is left. */
export function reshape(g: GraphBuilder, x: Value, shape: readonly number[]): Value {
  const y = g.op('Reshape', [x, g.ints(shape)]);
  return g.differentiable([x], y, (dy) => [g.op('Reshape', [dy, g.ints(numbers(x.shape))])]);
}

/** Permutes axes: axis i of the result is axis perm[i] of `x`. */
export function transpose(g: GraphBuilder, x: Value, perm: readonly number[]): Value {
  const y = g.op('Transpose', [x], { perm: [...perm] });
  const inverse = perm.map((_, axis) => perm.indexOf(axis));
  return g.differentiable([x], y, (dy) => [g.op('Transpose', [dy], { perm: inverse })]);
}

/** Joins along an axis; the gradient is split again. */
export function concat(g: GraphBuilder, xs: readonly Value[], axis: number): Value {
  const y = g.op('Concat', xs, { axis });
  return g.differentiable(xs, y, (dy) => {
    const sizes = g.ints(xs.map((x) => numbers(x.shape)[axis]!));
    const parts = g.ops('Split', [dy, sizes], { axis }, xs.length);
    return xs.map((x, i) => (x.tracked ? parts[i]! : null));
  });
}

/** Rows of `x` [m, d] at int32 or int64 `indices` of any shape S: S + [d]. */
export function gatherRows(g: GraphBuilder, x: Value, indices: Value): Value {
  const y = g.op('Gather', [x, indices], { axis: 0 });
  return g.differentiable([x], y, (dy) => [scatterRows(g, dy, indices, numbers(x.shape))]);
}

/**
 * The gradient of `gatherRows`: adds row i of `dy` to row indices[i]. A product with the one-hot matrix rather than a
 * scatter, because CUDA's scatter adds in no fixed order.
 */
function scatterRows(g: GraphBuilder, dy: Value, indices: Value, shape: readonly number[]): Value {
  const count = numbers(indices.shape).reduce((a, b) => a * b, 1);
  const rows = Array.from({ length: shape[0]! }, (_, i) => i);
  const wanted = g.constant(indices.dtype, [shape[0]!, 1], rows);
  const flat = g.op('Reshape', [indices, g.ints([1, count])]);
  const oneHot = g.op('Cast', [g.op('Equal', [wanted, flat])], { to: 1 });
  const matrix = g.op('Reshape', [dy, g.ints([count, shape.length > 1 ? -1 : 1])]);
  return g.op('Reshape', [g.op('MatMul', [oneHot, matrix]), g.ints(shape)]);
}
