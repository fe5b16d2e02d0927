/** Linear layers and normalization of their outputs. */
import type { GraphBuilder } from '../builder/builder.js';
import { requireBuilder } from '../builder/listing.js';
import type { Value } from '../onnx/nodes.js';
import { clampMin, div, mul, sqrt } from './arithmetic.js';
import { sum } from './reduce.js';

/** y = x w^T + b, PyTorch's Linear: x [n, in], weight [out, in], bias [out], y [n, out]. */
export const linear = (g: GraphBuilder, x: Value, weight: Value, bias: Value): Value => {
  requireBuilder(g, 'linear(g, x, weight, bias)');
  return g.op('Gemm', [x, weight, bias], { transB: 1 });
};

/** x / max(||x||, 1e-12) for each row of [n, d]: PyTorch's `normalize`. */
export function l2Normalize(g: GraphBuilder, x: Value): Value {
  requireBuilder(g, 'l2Normalize(g, x)');
  const norm = sqrt(g, sum(g, mul(g, x, x), [1]));
  return div(g, x, clampMin(g, norm, 1e-12));
}
