/** Matrix products and their gradients. */
import type { GraphBuilder, Value } from '../builder.js';
import { clampMin, div, mul, sqrt } from './arithmetic.js';
import { sum } from './reduce.js';

/**
 * y = x w^T + b, PyTorch's Linear: x [n, in], weight [out, in], bias [out], y [n, out].
 *
 * dx = dy w, dw = dy^T x, db = sum of dy over rows.
 */
export function linear(g: GraphBuilder, x: Value, weight: Value, bias: Value): Value {
  const y = g.op('Gemm', [x, weight, bias], { transB: 1 });
  return g.differentiable([x, weight, bias], y, (dy) => [
    x.tracked ? g.op('Gemm', [dy, weight]) : null,
    weight.tracked ? g.op('Gemm', [dy, x], { transA: 1 }) : null,
    bias.tracked ? g.op('ReduceSum', [dy, g.ints([0])], { keepdims: 0 }) : null,
  ]);
}

/** x / max(||x||, 1e-12) for each row of [n, d]: PyTorch's `normalize`. */
export function l2Normalize(g: GraphBuilder, x: Value): Value {
  const norm = sqrt(g, sum(g, mul(g, x, x), [1]));
  return div(g, x, clampMin(g, norm, 1e-12));
}
