/** Gradients of broadcasting, and of shapes in general. */
import { inFloat32 } from '../lowerings/sums.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { DType, Shape } from '../onnx/types.js';
import { elementCount } from '../onnx/types.js';

/** The same elements in another shape. */
export const reshaped = (g: Nodes, x: Value, shape: Shape): Value => g.op('Reshape', [x, g.ints(fixed(shape))]);

/** Zeros of a shape, which take no room in the file. */
export const zerosOf = (g: Nodes, shape: Shape, dtype: DType): Value =>
  g.op('Expand', [g.scalar(0, dtype), g.ints(fixed(shape))]);

/** 0, 1, ... in row-major order. */
export function countUp(g: Nodes, shape: readonly number[], dtype: DType): Value {
  const ones = g.op('Expand', [g.scalar(1, dtype), g.ints([elementCount(shape)])]);
  return g.op('Reshape', [g.op('CumSum', [ones, g.scalar(0, 'int64')], { exclusive: 1 }), g.ints(shape)]);
}

/** Sums a gradient over the axes along which `shape` was broadcast: the gradient of broadcasting. */
export function unbroadcast(g: Nodes, gradient: Value, shape: Shape): Value {
  const extra = gradient.shape.length - shape.length;
  const axes = gradient.shape.flatMap((dim, i) => (i < extra || (shape[i - extra] === 1 && dim !== 1) ? [i] : []));
  if (!axes.length) return gradient;
  return inFloat32(g, gradient, (wide) => {
    if (axes.length === extra) return g.op('ReduceSum', [wide, g.ints(axes)], { keepdims: 0 });
    const sum = g.op('ReduceSum', [wide, g.ints(axes)], { keepdims: 1 });
    return extra ? reshaped(g, sum, shape) : sum;
  });
}
