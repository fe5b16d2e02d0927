/** The gradients of pooling over the last two axes of activations, whichever of batch and channels comes first. */
import type { Nodes, Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { inFloat32 } from './sums.js';
import type { Pair } from './windows.js';
import { offsets, padSpatial, pairOf, sliceSpatial } from './windows.js';

export interface PoolGeometry {
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  /** Padding behind, where it is not that in front. */
  behind?: Pair;
  /** Counts a last window that hangs over the edge (PyTorch's `ceil_mode`). */
  ceil?: boolean;
}

export const poolAttributes = ({ kernel, stride, padding, behind = padding, ceil = false }: PoolGeometry) => ({
  kernel_shape: [...kernel],
  strides: [...stride],
  pads: [...padding, ...behind],
  ceil_mode: ceil ? 1 : 0,
});

const numbers = (x: Value) => fixed(x.shape) as [number, number, number, number];

/** How far past the input the last window reaches, beyond the padding in front. */
const overhang = (x: Value, extent: Pair, { kernel, stride, padding }: PoolGeometry): Pair =>
  pairOf((i) => Math.max(0, (extent[i] - 1) * stride[i] + kernel[i] - (x.shape[i + 2] as number) - padding[i]));

/** Puts tensors that differ by one place into each other along an axis: element i of the k-th at i * length + k. */
const interleave = (g: Nodes, items: readonly Value[], axis: number, shape: readonly number[]): Value =>
  items.length === 1
    ? items[0]!
    : g.op(
        'Concat',
        items.map((item) => g.op('Reshape', [item, g.ints(shape)])),
        { axis },
      );

/**
 * Adds up what each window position hands back to the elements it covers. Elements whose places differ by multiples of the stride
 * are covered by the same positions: each such phase is summed as an image of its own, 1 / (sh sw) of the whole, and the phases
 * are put into each other at the end.
 */
function handBack(g: Nodes, x: Value, parts: { offset: Pair; part: Value }[], pool: PoolGeometry): Value {
  const [channels, batch, height, width] = numbers(x);
  const [, , outHeight, outWidth] = numbers(parts[0]!.part);
  const { padding, kernel, stride } = pool;
  const [size, extent]: [Pair, Pair] = [
    [height, width],
    [outHeight, outWidth],
  ];
  const after = overhang(x, extent, pool);
  const cells = pairOf((i) => {
    const windows = (extent[i] - 1) * stride[i] + kernel[i];
    return Math.ceil(Math.max(size[i] + padding[i] + after[i], windows) / stride[i]);
  });
  const phase = (row: number, column: number): Value => {
    const own = parts.filter(({ offset: [i, j] }) => i % stride[0] === row && j % stride[1] === column);
    const placed = own.map(({ offset, part }) => {
      const start = pairOf((i) => Math.floor(offset[i] / stride[i]));
      return padSpatial(
        g,
        part,
        start,
        pairOf((i) => cells[i] - extent[i] - start[i]),
      );
    });
    if (placed.length) return placed.reduce((a, b) => g.op('Add', [a, b]));
    return g.op('Expand', [g.scalar(0, parts[0]!.part.dtype), g.ints([channels, batch, ...cells])]);
  };
  const upTo = (length: number) => Array.from({ length }, (_, i) => i);
  const images = channels * batch;
  const rows = upTo(stride[0]).map((row) => {
    const columns = upTo(stride[1]).map((column) => phase(row, column));
    return interleave(g, columns, 3, [images, cells[0], cells[1], 1]);
  });
  const grid = interleave(g, rows, 2, [images, cells[0], 1, cells[1] * stride[1]]);
  const total = g.op('Reshape', [grid, g.ints([channels, batch, cells[0] * stride[0], cells[1] * stride[1]])]);
  return sliceSpatial(g, total, padding, size, [1, 1]);
}

/** Of max pooling that tells where each maximum lies (MaxPool's second output): dy is scattered there. */
export function scatterMaxima(g: Nodes, x: Value, indices: Value, dy: Value): Value {
  const count = numbers(x).reduce((a, b) => a * b, 1);
  const flat = (v: Value) => g.op('Reshape', [v, g.ints([-1])]);
  const dx = inFloat32(g, flat(dy), (slopes) => {
    const zeros = g.op('Expand', [zeroAfter(g, slopes), g.ints([count])]);
    return g.op('ScatterElements', [zeros, flat(indices), slopes], { axis: 0, reduction: 'add' });
  });
  return g.op('Reshape', [dx, g.ints(numbers(x))]);
}

/** A zero [1] that is known only once the vector is: ONNX Runtime would expand a constant's when it opens the session, and keep it. */
function zeroAfter(g: Nodes, vector: Value): Value {
  const first = g.op('Gather', [vector, g.ints([0])], { axis: 0 });
  return g.op('Cast', [g.op('Less', [first, first])], { to: 'float32' });
}

const lowest = -3.4028235e38;

/** Of max pooling: a window position gets dy where it equals the maximum and no earlier one does, as in PyTorch. */
export function maskMaxima(g: Nodes, x: Value, y: Value, dy: Value, geometry: PoolGeometry): Value {
  const extent: Pair = [numbers(y)[2], numbers(y)[3]];
  const padded = padSpatial(g, x, geometry.padding, overhang(x, extent, geometry), lowest);
  let unclaimed: Value | undefined;
  const parts = offsets(geometry.kernel).map((offset) => {
    const equal = g.op('Equal', [sliceSpatial(g, padded, offset, extent, geometry.stride), y]);
    const first = unclaimed ? g.op('And', [equal, unclaimed]) : equal;
    const others = g.op('Not', [equal]);
    unclaimed = unclaimed ? g.op('And', [unclaimed, others]) : others;
    return { offset, part: g.op('Mul', [dy, g.op('Cast', [first], { to: dy.dtype })]) };
  });
  return handBack(g, x, parts, geometry);
}

/** How many elements of the image each window holds, [1, 1, out_h, out_w]. */
function windowCounts(
  [height, width]: Pair,
  [rows, columns]: Pair,
  { kernel, stride, padding }: PoolGeometry,
): number[] {
  const inside = (i: number, axis: 0 | 1, size: number): number => {
    const start = i * stride[axis] - padding[axis];
    return Math.min(start + kernel[axis], size) - Math.max(start, 0);
  };
  return Array.from(
    { length: rows * columns },
    (_, at) => inside(Math.floor(at / columns), 0, height) * inside(at % columns, 1, width),
  );
}

/**
 * Of the mean of each window: every element of it gets an equal share of dy.
 *
 * @param countsPadding whether padding counts as elements, zeros (PyTorch's default `count_include_pad`)
 */
export function shareMeans(g: Nodes, x: Value, dy: Value, geometry: PoolGeometry, countsPadding: boolean): Value {
  const { kernel, stride, padding, behind = padding } = geometry;
  const isPadded = [...padding, ...behind].some((pad) => pad > 0);
  if (!countsPadding && isPadded) {
    const [, , height, width] = numbers(x);
    const extent: Pair = [numbers(dy)[2], numbers(dy)[3]];
    const counts = windowCounts([height, width], extent, geometry);
    const scale = counts.map((count) => (kernel[0] * kernel[1]) / count);
    const scaled = g.op('Mul', [dy, g.constant(dy.dtype, [1, 1, ...extent], scale)]);
    return shareMeans(g, x, scaled, geometry, true);
  }
  // Each element is in as many windows as its window has elements, and at the same places.
  const isSymmetric = [0, 1].every(
    (i) => stride[i] === 1 && kernel[i] === 2 * padding[i]! + 1 && behind[i] === padding[i],
  );
  if (isSymmetric) return g.op('AveragePool', [dy], { ...poolAttributes(geometry), count_include_pad: 1 });
  const share = g.op('Mul', [dy, g.scalar(1 / (kernel[0] * kernel[1]), dy.dtype)]);
  if (kernel.join() === stride.join() && !isPadded) return spreadCells(g, x, share, stride);
  const parts = offsets(kernel).map((offset) => ({ offset, part: share }));
  return handBack(g, x, parts, geometry);
}

/** Windows side by side: every element of a cell gets the same share; what no window covers gets zero. */
function spreadCells(g: Nodes, x: Value, share: Value, [sh, sw]: Pair): Value {
  const [channels, batch, height, width] = numbers(x);
  const [, , rows, columns] = numbers(share);
  const cells = g.op('Reshape', [share, g.ints([channels * batch, rows, 1, columns, 1])]);
  const spread = g.op('Expand', [cells, g.ints([channels * batch, rows, sh, columns, sw])]);
  const grid = g.op('Reshape', [spread, g.ints([channels, batch, rows * sh, columns * sw])]);
  return padSpatial(g, grid, [0, 0], [height - rows * sh, width - columns * sw]);
}
