/** Moving windows over activations laid out (C, N, H, W), out of Pad, Slice and Concat. */
import type { Nodes, Value } from '../onnx/nodes.js';
import type { DType } from '../onnx/types.js';

export type Pair = readonly [number, number];

/** A pair whose values are computed from the axis, 0 or 1. */
export const pairOf = (of: (axis: 0 | 1) => number): Pair => [of(0), of(1)];

/** Zero padding of the two spatial axes, the same on both sides; negative pads crop. */
export function padSpatial(
  g: Nodes,
  x: Value,
  [top, left]: Pair,
  [bottom, right]: Pair = [top, left],
  value = 0,
): Value {
  if (!top && !left && !bottom && !right) return x;
  const pads = g.ints([0, 0, top, left, 0, 0, bottom, right]);
  return g.op('Pad', value === 0 ? [x, pads] : [x, pads, g.scalar(value, x.dtype)]);
}

/** Every `stride`-th element from `start`, `count` of them, on both spatial axes. */
export function sliceSpatial(g: Nodes, x: Value, start: Pair, count: Pair, stride: Pair): Value {
  const [height, width] = x.shape.slice(2);
  if (!start[0] && !start[1] && count[0] === height && count[1] === width) return x;
  const ends = [0, 1].map((i) => start[i]! + (count[i]! - 1) * stride[i]! + 1);
  return g.op('Slice', [x, g.ints(start), g.ints(ends), g.ints([2, 3]), g.ints(stride)]);
}

export interface Windows {
  kernel: Pair;
  stride: Pair;
  /** Distance of a kernel's neighboring elements in the image. */
  dilation: Pair;
  /** Zeros in front of and behind each spatial axis; negative ones crop. */
  before: Pair;
  after: Pair;
  /** Number of window positions on each axis. */
  out: Pair;
}

/** Where the shifts of an image go, and whether they run from the last to the first. */
interface Order {
  /** In front of the channels, or behind them. */
  axis: 0 | 1;
  reversed: boolean;
}

/** Images of up to so many pixels are shifted by a matrix product, larger ones by slices: measured, see bench/results. */
const largestShifted = 64;
/** Places of all shifted copies of a channel, 16 MiB, up to which a table of them is worth its memory. */
const largestTable = 2 ** 22;

/** CUDA's products round to 11 bits where TF32 is on, which a copy must not; there, a table is exact and one launch. */
function shiftingOf(g: Nodes, x: Value, { kernel, out }: Windows, order: Order) {
  const [, batch, height, width] = x.shape as [number, number, number, number];
  const places = kernel[0] * kernel[1] * batch * out[0] * out[1];
  if (g.provider === 'cuda') return order.axis === 1 && places <= largestTable ? shiftByTable : shiftBySlices;
  return height * width <= largestShifted ? shiftByMatrix : shiftBySlices;
}

function shifted(g: Nodes, x: Value, windows: Windows, order: Order): Value {
  const shift = shiftingOf(g, x, windows, order);
  const rows = (x.shape[0] as number) * windows.kernel[0] * windows.kernel[1];
  return g.op('Reshape', [shift(g, x, windows, order), g.ints([rows, -1])]);
}

/**
 * im2col: for each channel the k_h * k_w shifted copies of its (padded) image, [C * k_h * k_w, N * out_h * out_w], in the
 * order of a weight's last three dimensions (C, k_h, k_w).
 */
export const im2col = (g: Nodes, x: Value, windows: Windows): Value =>
  shifted(g, x, windows, { axis: 1, reversed: false });

/**
 * im2col for the gradient of a convolution: shifts from the last to the first and in front of the channels,
 * [k_h * k_w * C, N * out_h * out_w], so that the matrices that it is multiplied with, and the products, are plain transposes.
 */
export const im2colOfGradient = (g: Nodes, x: Value, windows: Windows): Value =>
  shifted(g, x, windows, { axis: 0, reversed: true });

/** Positions of a kernel's elements, row by row. */
export const offsets = ([height, width]: Pair): Pair[] =>
  Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);

/** Where the kernel's elements lie in the image. */
function taps({ kernel, dilation }: Windows, { reversed }: Order): Pair[] {
  const places = offsets(kernel).map(([i, j]): Pair => [i * dilation[0], j * dilation[1]]);
  return reversed ? places.reverse() : places;
}

/** One Slice for each tap; their rows are copied one by one, which is slow where rows are short. */
function shiftBySlices(g: Nodes, x: Value, windows: Windows, order: Order): Value {
  const { before, after, out, stride } = windows;
  const padded = padSpatial(g, x, before, after);
  const shifts = taps(windows, order).map((tap) => sliceSpatial(g, padded, tap, out, stride));
  return shifts.length === 1 ? shifts[0]! : g.op('Concat', shifts, { axis: order.axis });
}

/** The pixel of an image that a tap sees at the p-th position of the window, by rows; undefined beside the image. */
function pixelAt({ before, out, stride }: Windows, [height, width]: Pair, [i, j]: Pair, p: number): number | undefined {
  const row = Math.floor(p / out[1]) * stride[0] + i - before[0];
  const column = (p % out[1]) * stride[1] + j - before[1];
  return row >= 0 && row < height && column >= 0 && column < width ? row * width + column : undefined;
}

/** All shifts of all images as one product with a matrix of zeros and ones, [H * W, taps * out_h * out_w]: exact. */
function shiftByMatrix(g: Nodes, x: Value, windows: Windows, order: Order): Value {
  const { out, kernel } = windows;
  const [channels, batch, height, width] = x.shape as [number, number, number, number];
  const count = kernel[0] * kernel[1];
  const positions = out[0] * out[1];
  const matrix = new Float32Array(height * width * count * positions);
  const size: Pair = [height, width];
  taps(windows, order).forEach((place, tap) => {
    for (let p = 0; p < positions; p++) {
      const pixel = pixelAt(windows, size, place, p);
      if (pixel !== undefined) matrix[(pixel * count + tap) * positions + p] = 1;
    }
  });
  const pixels = g.op('Reshape', [x, g.ints([channels * batch, height * width])]);
  const product = g.op('MatMul', [pixels, g.constant(x.dtype, [height * width, count * positions], matrix)]);
  const byImage = g.op('Reshape', [product, g.ints([channels, batch, count, positions])]);
  return g.op('Transpose', [byImage], { perm: order.axis === 0 ? [2, 0, 1, 3] : [0, 2, 1, 3] });
}

/** Tables by graph and by what they hold: convolutions of one shape share theirs. */
const tables = new WeakMap<Nodes, Map<string, Value>>();

/** Where each element of the shifted copies of a channel [N * H * W] lies in it; behind it for what lies outside. */
function tableOf(
  g: Nodes,
  [batch, height, width]: readonly [number, number, number],
  windows: Windows,
  order: Order,
): Value {
  const { before, out, stride, kernel, dilation } = windows;
  const key = [batch, height, width, before, out, stride, kernel, dilation, order.reversed].join();
  const known = tables.get(g) ?? new Map<string, Value>();
  tables.set(g, known);
  const found = known.get(key);
  if (found) return found;
  const positions = out[0] * out[1];
  const size: Pair = [height, width];
  const image = height * width;
  const places = new Int32Array(kernel[0] * kernel[1] * batch * positions);
  let at = 0;
  for (const place of taps(windows, order))
    for (let n = 0; n < batch; n++)
      for (let p = 0; p < positions; p++) {
        const pixel = pixelAt(windows, size, place, p);
        places[at++] = pixel === undefined ? batch * image : n * image + pixel;
      }
  const table = g.constant('int32', [places.length], places);
  known.set(key, table);
  return table;
}

/** All shifts with one Gather of each channel's elements and a zero behind them. */
function shiftByTable(g: Nodes, x: Value, windows: Windows, order: Order): Value {
  const [channels, ...image] = x.shape as [number, number, number, number];
  const flat = g.op('Reshape', [x, g.ints([channels, -1])]);
  return g.op('Gather', [g.op('Pad', [flat, g.ints([0, 0, 0, 1])]), tableOf(g, image, windows, order)], { axis: 1 });
}

/** [width, width * stride]: puts element j into column j * stride. */
function spreadMatrix(g: Nodes, width: number, stride: number, dtype: DType): Value {
  const columns = width * stride;
  const values = new Float32Array(width * columns);
  for (let j = 0; j < width; j++) values[j * columns + j * stride] = 1;
  return g.constant(dtype, [width, columns], values);
}

/** [C, N, H, W] -> [C, N, H, W * stride], zeros behind each element. */
function spreadRows(g: Nodes, x: Value, stride: number): Value {
  const [channels, batch, height, width] = x.shape as [number, number, number, number];
  if (g.provider !== 'cuda') return g.op('MatMul', [x, spreadMatrix(g, width, stride, x.dtype)]);
  const single = g.op('Reshape', [x, g.ints([channels * batch, height, width, 1])]);
  return g.op('Pad', [single, g.ints([0, 0, 0, 0, 0, 0, 0, stride - 1])]);
}

/**
 * The reverse of taking every `stride`-th element: puts `x` into a grid of zeros of size `out`, at start + i * stride.
 *
 * Rows are spread by a product with a matrix of zeros and ones, which is several times as fast on the CPU as padding single elements,
 * and zero rows are padded between them. CUDA's products round, see `shiftingOf`, and its Pad is as fast as any copy.
 */
export function dilateSpatial(g: Nodes, x: Value, start: Pair, stride: Pair, out: Pair): Value {
  const [channels, batch, height, width] = x.shape as [number, number, number, number];
  const [rows, columns] = [height * stride[0], width * stride[1]];
  const wide = stride[1] === 1 ? x : spreadRows(g, x, stride[1]);
  const apart = g.op('Reshape', [wide, g.ints([channels * batch, height, 1, columns])]);
  const padded = stride[0] === 1 ? wide : g.op('Pad', [apart, g.ints([0, 0, 0, 0, 0, 0, stride[0] - 1, 0])]);
  const grid = g.op('Reshape', [padded, g.ints([channels, batch, rows, columns])]);
  return padSpatial(g, grid, start, [out[0] - start[0] - rows, out[1] - start[1] - columns]);
}
