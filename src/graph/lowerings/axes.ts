/** Linear maps along single axes, as products with their matrices: what many gradients of resizing and pooling come to. */
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { elementCount } from '../onnx/types.js';

/** Row by row; `rows` outputs of `columns` inputs. */
export interface AxisMatrix {
  rows: number;
  columns: number;
  values: Float32Array;
}

/** @param weigh adds to the row of output i: `add(input, weight)` */
export function axisMatrix(
  rows: number,
  columns: number,
  weigh: (i: number, add: (input: number, weight: number) => void) => void,
): AxisMatrix {
  const values = new Float32Array(rows * columns);
  for (let i = 0; i < rows; i++) weigh(i, (input, weight) => (values[i * columns + input]! += weight));
  return { rows, columns, values };
}

/** The reverse of a map along one axis: `y` [..., rows, ...] -> [..., columns, ...], weighted by the matrix's columns. */
export function reverseAlong(g: Nodes, y: Value, axis: number, { rows, columns, values }: AxisMatrix): Value {
  const shape = fixed(y.shape);
  const out = shape.map((dim, i) => (i === axis ? columns : dim));
  const behind = elementCount(shape.slice(axis + 1));
  if (behind === 1) {
    const flat = g.op('Reshape', [y, g.ints([-1, rows])]);
    return g.op('Reshape', [g.op('MatMul', [flat, g.constant(y.dtype, [rows, columns], values)]), g.ints(out)]);
  }
  const turned = new Float32Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) turned[j * rows + i] = values[i * columns + j]!;
  const blocks = g.op('Reshape', [y, g.ints([-1, rows, behind])]);
  return g.op('Reshape', [g.op('MatMul', [g.constant(y.dtype, [columns, rows], turned), blocks]), g.ints(out)]);
}
