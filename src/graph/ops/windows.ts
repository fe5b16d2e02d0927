/** Moving windows over activations laid out (C, N, H, W), out of Pad, Slice and Concat. */
import type { GraphBuilder, Value } from '../builder.js';

export type Pair = readonly [number, number];

/** Zero padding of the two spatial axes, the same on both sides; negative pads crop. */
export function padSpatial(
  g: GraphBuilder,
  x: Value,
  [top, left]: Pair,
  [bottom, right]: Pair = [top, left],
  value = 0,
): Value {
  if (!top && !left && !bottom && !right) return x;
  const pads = g.ints([0, 0, top, left, 0, 0, bottom, right]);
  return g.op('Pad', value === 0 ? [x, pads] : [x, pads, g.scalar(value)]);
}

/** Every `stride`-th element from `start`, `count` of them, on both spatial axes. */
export function sliceSpatial(g: GraphBuilder, x: Value, start: Pair, count: Pair, stride: Pair): Value {
  const [height, width] = x.shape.slice(2);
  if (!start[0] && !start[1] && count[0] === height && count[1] === width) return x;
  const ends = [0, 1].map((i) => start[i]! + (count[i]! - 1) * stride[i]! + 1);
  return g.op('Slice', [x, g.ints(start), g.ints(ends), g.ints([2, 3]), g.ints(stride)]);
}

/**
 * im2col: for each channel the k_h * k_w shifted copies of its (padded) image, [C * k_h * k_w, N * out_h * out_w], in the
 * order of a weight's last three dimensions (C, k_h, k_w). `reversed` takes the shifts from the last to the first, as
 * the gradient of a convolution needs them.
 */
export function im2col(
  g: GraphBuilder,
  x: Value,
  {
    kernel,
    stride,
    before,
    after,
    out,
    reversed = false,
  }: {
    kernel: Pair;
    stride: Pair;
    before: Pair;
    after: Pair;
    out: Pair;
    reversed?: boolean;
  },
): Value {
  const [channels, batch] = x.shape as number[];
  const padded = padSpatial(g, x, before, after);
  const offsets = Array.from({ length: kernel[0] * kernel[1] }, (_, i): Pair => [
    Math.floor(i / kernel[1]),
    i % kernel[1],
  ]);
  const shifts = (reversed ? offsets.reverse() : offsets).map((offset) =>
    g.op('Reshape', [sliceSpatial(g, padded, offset, out, stride), g.ints([channels!, 1, batch! * out[0] * out[1]])]),
  );
  const columns = g.op('Concat', shifts, { axis: 1 });
  return g.op('Reshape', [columns, g.ints([channels! * kernel[0] * kernel[1], -1])]);
}

/** [width, width * stride]: puts element j into column j * stride. */
function spreadMatrix(g: GraphBuilder, width: number, stride: number): Value {
  const columns = width * stride;
  const values = new Float32Array(width * columns);
  for (let j = 0; j < width; j++) values[j * columns + j * stride] = 1;
  return g.constant('float32', [width, columns], values);
}

/**
 * The reverse of taking every `stride`-th element: puts `x` into a grid of zeros of size `out`, at start + i * stride.
 *
 * Rows are spread by a product with a matrix of zeros and ones, which is several times as fast as padding single elements, and
 * zero rows are padded between them.
 */
export function dilateSpatial(g: GraphBuilder, x: Value, start: Pair, stride: Pair, out: Pair): Value {
  const [channels, batch, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = [height * stride[0], width * stride[1]];
  const wide = stride[1] === 1 ? x : g.op('MatMul', [x, spreadMatrix(g, width, stride[1])]);
  const apart = g.op('Reshape', [wide, g.ints([channels * batch, height, 1, columns])]);
  const padded = stride[0] === 1 ? wide : g.op('Pad', [apart, g.ints([0, 0, 0, 0, 0, 0, stride[0] - 1, 0])]);
  const grid = g.op('Reshape', [padded, g.ints([channels, batch, rows, columns])]);
  return padSpatial(g, grid, start, [out[0] - start[0] - rows, out[1] - start[1] - columns]);
}
