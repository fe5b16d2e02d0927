/** Sums that keep their digits. */
import type { Nodes, Value } from '../onnx/nodes.js';

/**
 * What sums or scales many values, or has float32 beside it: of float16 by way of float32, which keeps more digits. (ONNX Runtime's CPU
 * provider has no other scatter that adds, either.)
 */
export const inFloat32 = (g: Nodes, x: Value, compute: (x: Value) => Value): Value =>
  x.dtype === 'float32' ? compute(x) : g.op('Cast', [compute(g.op('Cast', [x], { to: 'float32' }))], { to: x.dtype });

/**
 * Sum over each row of [C, N * H * W], as a column [C, 1]: first within images, then over them. A sum of sums is several
 * times as exact in float32 as one long sum, at no cost.
 */
export function rowSum(g: Nodes, rows: Value, batch: number): Value {
  const byImage = g.op('Reshape', [rows, g.ints([rows.shape[0] as number, batch, -1])]);
  return g.op('ReduceSum', [g.op('ReduceSum', [byImage, g.ints([2])], { keepdims: 0 }), g.ints([1])]);
}
