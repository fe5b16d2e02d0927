/** Pooling over activations laid out (C, N, H, W), and its gradients. */
import type { GraphBuilder, Value } from '../builder.js';
import type { Provider } from '../options.js';
import type { Pair } from './windows.js';
import { dilateSpatial, offsets, padSpatial, sliceSpatial } from './windows.js';

export interface PoolGeometry {
  kernel: Pair;
  stride: Pair;
  padding: Pair;
  /** Counts a last window that hangs over the edge (PyTorch's `ceil_mode`). */
  ceil?: boolean;
}

export type MaxPoolStrategy = 'indices' | 'masks';

/** WebGPU has no Indices output, and CUDA's scatter adds in no fixed order. */
const maxPoolStrategies: Record<Provider, MaxPoolStrategy> = { cpu: 'indices', cuda: 'masks', webgpu: 'masks' };

const poolAttributes = ({ kernel, stride, padding, ceil = false }: PoolGeometry) => ({
  kernel_shape: [...kernel],
  strides: [...stride],
  pads: [...padding, ...padding],
  ceil_mode: ceil ? 1 : 0,
});

const numbers = (x: Value) => x.shape as [number, number, number, number];

/** How far past the input the last window reaches, beyond the padding in front. */
const overhang = (x: Value, extent: Pair, { kernel, stride, padding }: PoolGeometry): Pair =>
  [0, 1].map((i) =>
    Math.max(0, (extent[i]! - 1) * stride[i]! + kernel[i]! - (x.shape[i + 2] as number) - padding[i]!),
  ) as unknown as Pair;

/** Adds up what each window position hands back to the elements it covers. */
function handBack(g: GraphBuilder, x: Value, parts: { offset: Pair; part: Value }[], pool: PoolGeometry): Value {
  const [, , height, width] = numbers(x);
  const [, , outHeight, outWidth] = numbers(parts[0]!.part);
  const after = overhang(x, [outHeight, outWidth], pool);
  const covered: Pair = [0, 1].map((i) =>
    Math.max(
      [height, width][i]! + pool.padding[i]! + after[i]!,
      ([outHeight, outWidth][i]! - 1) * pool.stride[i]! + pool.kernel[i]! - 1 + pool.stride[i]!,
    ),
  ) as unknown as Pair;
  const spread = parts.map(({ offset, part }) => dilateSpatial(g, part, offset, pool.stride, covered));
  const total = spread.reduce((a, b) => g.op('Add', [a, b]));
  return sliceSpatial(g, total, pool.padding, [height, width], [1, 1]);
}

/**
 * Largest element of each window; of equal ones the first in row order gets the gradient, as in PyTorch.
 *
 * `indices`: MaxPool tells where each maximum lies, and dy is scattered there. `masks`: a window position gets dy where
 * it equals the maximum and no earlier one does.
 */
export function maxPool2d(
  g: GraphBuilder,
  x: Value,
  geometry: PoolGeometry,
  provider: Provider,
  strategy: MaxPoolStrategy = maxPoolStrategies[provider],
): Value {
  const attributes = poolAttributes(geometry);
  if (!x.tracked) return g.op('MaxPool', [x], attributes);
  if (strategy === 'indices') {
    const [y, indices] = g.ops('MaxPool', [x], attributes, 2) as [Value, Value];
    return g.differentiable([x], y, (dy) => {
      const count = numbers(x).reduce((a, b) => a * b, 1);
      const flat = (v: Value) => g.op('Reshape', [v, g.ints([-1])]);
      const slopes = flat(dy);
      const zeros = g.op('Expand', [zeroAfter(g, slopes), g.ints([count])]);
      const dx = g.op('ScatterElements', [zeros, flat(indices), slopes], { axis: 0, reduction: 'add' });
      return [g.op('Reshape', [dx, g.ints(numbers(x))])];
    });
  }
  const y = g.op('MaxPool', [x], attributes);
  return g.differentiable([x], y, (dy) => {
    const extent: Pair = [numbers(y)[2], numbers(y)[3]];
    const padded = padSpatial(g, x, geometry.padding, overhang(x, extent, geometry), -3.4028235e38);
    let unclaimed: Value | undefined;
    const parts = offsets(geometry.kernel).map((offset) => {
      const equal = g.op('Equal', [sliceSpatial(g, padded, offset, extent, geometry.stride), y]);
      const first = unclaimed ? g.op('And', [equal, unclaimed]) : equal;
      const others = g.op('Not', [equal]);
      unclaimed = unclaimed ? g.op('And', [unclaimed, others]) : others;
      return { offset, part: g.op('Mul', [dy, g.op('Cast', [first], { to: 1 })]) };
    });
    return [handBack(g, x, parts, geometry)];
  });
}

/** A zero [1] that is known only once the vector is: ONNX Runtime would expand a constant's when it opens the session, and keep it. */
function zeroAfter(g: GraphBuilder, vector: Value): Value {
  const first = g.op('Gather', [vector, g.ints([0])], { axis: 0 });
  return g.op('Cast', [g.op('Less', [first, first])], { to: 1 });
}

/** Mean of each window, padding counted as zeros (PyTorch's default `count_include_pad`). */
export function avgPool2d(g: GraphBuilder, x: Value, geometry: PoolGeometry): Value {
  const { kernel, stride, padding } = geometry;
  const y = g.op('AveragePool', [x], { ...poolAttributes(geometry), count_include_pad: 1 });
  return g.differentiable([x], y, (dy) => {
    // Each element is in as many windows as its window has elements, and at the same places.
    const isSymmetric = [0, 1].every((i) => stride[i] === 1 && kernel[i] === 2 * padding[i]! + 1);
    if (isSymmetric) return [g.op('AveragePool', [dy], { ...poolAttributes(geometry), count_include_pad: 1 })];
    const share = g.op('Mul', [dy, g.scalar(1 / (kernel[0] * kernel[1]))]);
    if (kernel.join() === stride.join() && !padding[0] && !padding[1]) return [spreadCells(g, x, share, stride)];
    return [
      handBack(
        g,
        x,
        offsets(kernel).map((offset) => ({ offset, part: share })),
        geometry,
      ),
    ];
  });
}

/** Windows side by side: every element of a cell gets the same share; what no window covers gets zero. */
function spreadCells(g: GraphBuilder, x: Value, share: Value, [sh, sw]: Pair): Value {
  const [channels, batch, height, width] = numbers(x);
  const [, , rows, columns] = numbers(share);
  const cells = g.op('Reshape', [share, g.ints([channels * batch, rows, 1, columns, 1])]);
  const spread = g.op('Expand', [cells, g.ints([channels * batch, rows, sh, columns, sw])]);
  const grid = g.op('Reshape', [spread, g.ints([channels, batch, rows * sh, columns * sw])]);
  return padSpatial(g, grid, [0, 0], [height - rows * sh, width - columns * sw]);
}

/** The window of output `i`: [floor(i in / out), ceil((i + 1) in / out)), as PyTorch and CUDA define it. */
function poolingMatrix(g: GraphBuilder, size: number, out: number): Value {
  const values = new Float32Array(size * out);
  for (let i = 0; i < out; i++) {
    const [from, to] = [Math.floor((i * size) / out), Math.ceil(((i + 1) * size) / out)];
    for (let j = from; j < to; j++) values[j * out + i] = 1 / (to - from);
  }
  return g.constant('float32', [size, out], values);
}

/** Average pooling to a fixed size from any size: the mean over everything, or a product with one matrix for each axis. */
export function adaptiveAvgPool2d(g: GraphBuilder, x: Value, out: Pair): Value {
  const [channels, batch, height, width] = numbers(x);
  if (height === out[0] && width === out[1]) return x;
  if (out[0] === 1 && out[1] === 1) {
    const y = g.op('ReduceMean', [x, g.ints([2, 3])]);
    return g.differentiable([x], y, (dy) => [
      g.op('Expand', [g.op('Mul', [dy, g.scalar(1 / (height * width))]), g.ints(numbers(x))]),
    ]);
  }
  const across = poolingMatrix(g, width, out[1]);
  const down = g.op('Transpose', [poolingMatrix(g, height, out[0])], { perm: [1, 0] });
  const apply = (v: Value, left: Value, right: Value) => g.op('MatMul', [left, g.op('MatMul', [v, right])]);
  const y = apply(x, down, across);
  const flip = (m: Value) => g.op('Transpose', [m], { perm: [1, 0] });
  return g.differentiable([x], y, (dy) => [
    g.op('Reshape', [apply(dy, flip(down), flip(across)), g.ints([channels, batch, height, width])]),
  ]);
}
