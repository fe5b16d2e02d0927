/** Adding rows at indices: the gradient of taking them. */
import { inFloat32 } from '../lowerings/sums.js';
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { DType } from '../onnx/types.js';
import { elementCount } from '../onnx/types.js';
import { countUp, zerosOf } from './broadcasting.js';

/** Entries of a one-hot matrix from which on there are better ways on the CPU, and its rows are no constant. */
const largestOneHot = 2 ** 22;

/** Entries of a one-hot matrix that is there at once: 80 MB as conditions and numbers. */
const largestPiece = 2 ** 24;

/** Adds `dy` at indices of an axis of zeros. */
export const scattered = (g: Nodes, dy: Value, indices: Value, shape: Value['shape'], axis: number): Value =>
  inFloat32(g, dy, (slopes) =>
    g.op('ScatterElements', [zerosOf(g, shape, slopes.dtype), indices, slopes], { axis, reduction: 'add' }),
  );

/** Rows [count, width] of a type, summed where the indices `flat` [1, count] are those of `wanted` [n, 1]: [n, width]. */
function sumsAt(g: Nodes, wanted: Value, flat: Value, dtype: DType, rows: () => Value): Value {
  const oneHot = g.op('Cast', [g.op('Equal', [wanted, flat])], { to: dtype });
  return g.op('MatMul', [oneHot, rows()]);
}

/**
 * The same product, some rows of it at a time, in a Loop: each is the sum that it is in the whole one. Beyond the last row, indices match
 * nothing.
 *
 * @param size of the result, in rows
 */
function sumsByPieces(g: Nodes, flat: Value, rows: Value, size: number): Value {
  const [count, width] = fixed(rows.shape) as [number, number];
  const trips = Math.ceil(size / Math.max(1, Math.floor(largestPiece / count)));
  const piece = Math.ceil(size / trips);
  const written = g.untracked(() => {
    const places = countUp(g, [piece, 1], flat.dtype);
    const { collected } = g.loop(
      g.scalar(trips, 'int64'),
      [],
      (inner, trip) => {
        const first = inner.op('Mul', [inner.op('Cast', [trip], { to: flat.dtype }), inner.scalar(piece, flat.dtype)]);
        const wanted = inner.op('Add', [places, first]);
        return {
          carried: [],
          collected: [sumsAt(inner, wanted, flat, rows.dtype, () => ({ ...rows, tracked: false }))],
        };
      },
      trips,
    );
    const whole = g.op('Reshape', [collected[0]!, g.ints([trips * piece, width])]);
    return trips * piece === size ? whole : g.op('Slice', [whole, g.ints([0]), g.ints([size]), g.ints([0])]);
  });
  const back = (slope: Value): [Value] => [
    g.op('Gather', [slope, g.op('Reshape', [flat, g.ints([count])])], { axis: 0 }),
  ];
  return g.differentiable([rows], written, back, { again: true });
}

/**
 * The gradient of taking rows: adds row i of `dy` to row indices[i]. A product with the one-hot matrix rather than a scatter, because CUDA's
 * scatter adds in no fixed order; the CPU's does, and takes over where the matrix would be large. Elsewhere a large one is there in pieces.
 *
 * @param indices from 0 on
 */
export function scatterRows(g: Nodes, dy: Value, indices: Value, shape: readonly number[]): Value {
  const [size] = shape as [number];
  const count = elementCount(fixed(indices.shape));
  const isLarge = g.isDivided || size * count > largestOneHot;
  const asMatrix = (): Value => g.op('Reshape', [dy, g.ints([count, shape.length > 1 ? -1 : 1])]);
  if (isLarge && g.provider === 'cpu') {
    const matrix = asMatrix();
    const width = matrix.shape[1] as number;
    const each = g.op('Expand', [g.op('Reshape', [indices, g.ints([count, 1])]), g.ints([count, width])]);
    return g.op('Reshape', [scattered(g, matrix, each, [size, width], 0), g.ints(shape)]);
  }
  const flatten = (): Value => g.op('Reshape', [indices, g.ints([1, count])]);
  if (size * count > largestPiece)
    return g.op('Reshape', [sumsByPieces(g, flatten(), asMatrix(), size), g.ints(shape)]);
  const rows = Array.from({ length: size }, (_, i) => i);
  const wanted = isLarge ? countUp(g, [size, 1], indices.dtype) : g.constant(indices.dtype, [size, 1], rows);
  return g.op('Reshape', [sumsAt(g, wanted, flatten(), dy.dtype, asMatrix), g.ints(shape)]);
}
