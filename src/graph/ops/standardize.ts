/** Normalizations by each image's own statistics. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { elementCount } from '../onnx/types.js';
import { axisOf } from '../operators/operator.js';

/**
 * Over all axes from `axis` on; tracked, the node gives its statistics too, so that its gradient need not compute them again.
 *
 * @param x float32 or float16; `scale` and `bias` broadcast to its axes from `axis` on
 * @source ONNX LayerNormalization (opset 17)
 */
export function layerNormalization(
  g: GraphBuilder,
  x: Value,
  scale: Value,
  bias: Value | null,
  { axis = -1, epsilon = 1e-5 }: { axis?: number; epsilon?: number } = {},
): Value {
  const inputs = bias ? [x, scale, bias] : [x, scale];
  const outputs = inputs.some(({ tracked }) => tracked) ? 3 : 1;
  return g.ops('LayerNormalization', inputs, { axis, epsilon }, outputs)[0]!;
}

/**
 * Over the channels of a group and all places.
 *
 * @param x [N, C, ...], float32 or float16
 * @param scale of each channel, [C], as of opset 21, or of each group, [groups], as of opset 18; likewise `bias`
 * @source ONNX GroupNormalization
 * @throws Error for channels that are no multiple of the groups, and for another scale
 */
export function groupNormalization(
  g: GraphBuilder,
  x: Value,
  scale: Value,
  bias: Value,
  { groups, epsilon = 1e-5 }: { groups: number; epsilon?: number },
): Value {
  const shape = fixed(x.shape);
  const [batch, channels, ...spatial] = shape as [number, number, ...number[]];
  const where = `GroupNormalization at ${g.path}`;
  if (channels % groups) throw new Error(`${where}: ${channels} channels are no multiple of ${groups} groups`);
  const each = fixed(scale.shape)[0];
  if (each !== channels && each !== groups)
    throw new Error(`${where}: scale has ${each} numbers for ${channels} channels in ${groups} groups`);
  const filled = (value: number) => g.constant(x.dtype, [groups], new Float32Array(groups).fill(value));
  const grouped = g.op('Reshape', [x, g.ints([batch, groups, -1])]);
  const normal = g.op('InstanceNormalization', [grouped, filled(1), filled(0)], { epsilon });
  const split = [batch, each, (channels / each) * elementCount(spatial)];
  const column = (vector: Value) => g.op('Reshape', [vector, g.ints([each, 1])]);
  const scaled = g.op('Mul', [g.op('Reshape', [normal, g.ints(split)]), column(scale)]);
  return g.op('Reshape', [g.op('Add', [scaled, column(bias)]), g.ints(shape)]);
}

/**
 * x / sqrt(mean(x^2) + epsilon) scale, over all axes from `axis` on; of float16 the mean is taken in float32.
 *
 * @param x float32 or float16; `scale` broadcasts to it
 * @source ONNX RMSNormalization (opset 23)
 */
export function rmsNormalization(
  g: GraphBuilder,
  x: Value,
  scale: Value,
  { axis = -1, epsilon = 1e-5 }: { axis?: number; epsilon?: number } = {},
): Value {
  const first = axisOf(axis, x.shape.length);
  const axes = x.shape.map((_, i) => i).slice(first);
  const wide = x.dtype === 'float32' ? x : g.op('Cast', [x], { to: 'float32' });
  const mean = g.op('ReduceMean', [g.op('Mul', [wide, wide]), g.ints(axes)], { keepdims: 1 });
  const normal = g.op('Div', [wide, g.op('Sqrt', [g.op('Add', [mean, g.scalar(epsilon)])])]);
  const narrow = x.dtype === 'float32' ? normal : g.op('Cast', [normal], { to: x.dtype });
  return g.op('Mul', [narrow, scale]);
}
