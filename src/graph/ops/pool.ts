/** Pooling over the last two axes of activations. */
import type { GraphBuilder } from '../builder/builder.js';
import type { PoolGeometry } from '../lowerings/pool.js';
import { poolAttributes } from '../lowerings/pool.js';
import type { Pair } from '../lowerings/windows.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Provider } from '../options.js';

export type MaxPoolStrategy = 'indices' | 'masks';

/** WebGPU has no Indices output, and CUDA's scatter adds in no fixed order. */
const maxPoolStrategies: Record<Provider, MaxPoolStrategy> = { cpu: 'indices', cuda: 'masks', webgpu: 'masks' };

/**
 * Largest element of each window; of equal ones the first in row order gets the gradient, as in PyTorch.
 *
 * @param strategy of the gradient, which follows from MaxPool's outputs: see `operators/windows.ts`
 */
export function maxPool2d(
  g: GraphBuilder,
  x: Value,
  geometry: PoolGeometry,
  provider: Provider,
  strategy: MaxPoolStrategy = maxPoolStrategies[provider],
): Value {
  const outputs = x.tracked && strategy === 'indices' ? 2 : 1;
  return g.ops('MaxPool', [x], poolAttributes(geometry), outputs)[0]!;
}

/** Mean of each window, padding counted as zeros (PyTorch's default `count_include_pad`). */
export const avgPool2d = (g: GraphBuilder, x: Value, geometry: PoolGeometry): Value =>
  g.op('AveragePool', [x], { ...poolAttributes(geometry), count_include_pad: 1 });

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
  const [height, width] = fixed(x.shape.slice(2)) as [number, number];
  if (height === out[0] && width === out[1]) return x;
  if (out[0] === 1 && out[1] === 1) return g.op('ReduceMean', [x, g.ints([2, 3])]);
  const across = poolingMatrix(g, width, out[1]);
  const down = g.op('Transpose', [poolingMatrix(g, height, out[0])], { perm: [1, 0] });
  const apply = (v: Value, left: Value, right: Value) => g.op('MatMul', [left, g.op('MatMul', [v, right])]);
  const flip = (m: Value) => g.op('Transpose', [m], { perm: [1, 0] });
  const y = g.untracked(() => apply(x, down, across));
  const dx = (dy: Value) => g.op('Reshape', [apply(dy, flip(down), flip(across)), g.ints(fixed(x.shape))]);
  return g.differentiable([x], y, (dy) => [dx(dy)], { again: true });
}
