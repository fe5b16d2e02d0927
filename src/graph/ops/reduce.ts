/** Reductions and their gradients. */
import type { GraphBuilder, Value } from '../builder.js';

/** Sum over `axes`, which stay as dimensions of 1. The gradient is broadcast back. */
export function sum(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const y = g.op('ReduceSum', [x, g.ints(axes)], { keepdims: 1 });
  return g.differentiable([x], y, (dy) => [g.op('Expand', [dy, g.ints(x.shape as number[])])]);
}

/**
 * Sum over each row of [C, N * H * W], as a column [C, 1]: first within images, then over them. A sum of sums is several
 * times as exact in float32 as one long sum, at no cost.
 */
export function rowSum(g: GraphBuilder, rows: Value, batch: number): Value {
  const byImage = g.op('Reshape', [rows, g.ints([rows.shape[0] as number, batch, -1])]);
  return g.op('ReduceSum', [g.op('ReduceSum', [byImage, g.ints([2])], { keepdims: 0 }), g.ints([1])]);
}
