/** Reductions and their gradients. */
import type { GraphBuilder, Value } from '../builder.js';

/** Sum over `axes`, which stay as dimensions of 1. The gradient is broadcast back. */
export function sum(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const y = g.op('ReduceSum', [x, g.ints(axes)], { keepdims: 1 });
  return g.differentiable([x], y, (dy) => [g.op('Expand', [dy, g.ints(x.shape as number[])])]);
}

/** Mean over `axes`, which stay as dimensions of 1. */
export function mean(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const count = axes.reduce((n, axis) => n * (x.shape[axis] as number), 1);
  const y = g.op('ReduceMean', [x, g.ints(axes)], { keepdims: 1 });
  return g.differentiable([x], y, (dy) => [
    g.op('Expand', [g.op('Mul', [dy, g.scalar(1 / count)]), g.ints(x.shape as number[])]),
  ]);
}
