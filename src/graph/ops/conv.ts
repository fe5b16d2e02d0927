/** Convolution over activations laid out (C, N, H, W); see `lowerings/conv.ts` for its products. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Strategies } from '../lowerings/conv-strategies.js';
import { convStrategies, largestColumns } from '../lowerings/conv-strategies.js';
import type { Conv } from '../lowerings/conv.js';
import { convGradients, forwardLowerings } from '../lowerings/conv.js';
import type { Pair } from '../lowerings/windows.js';
import { pairOf } from '../lowerings/windows.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import { slidingExtent } from '../operators/sliding.js';
import type { Provider } from '../options.js';

export interface ConvGeometry {
  stride: Pair;
  padding: Pair;
  /** 1 unless given. */
  dilation?: Pair;
  /** 1 unless given; as many as channels: depthwise. */
  groups?: number;
}

/**
 * @param x [in, N, H, W]
 * @param weight [out, in / groups, k_h, k_w]
 * @returns [out, N, out_h, out_w]
 * @throws Error when channels or kernel do not fit the input
 */
export function conv2d(
  g: GraphBuilder,
  x: Value,
  weight: Value,
  bias: Value | null,
  { stride, padding, dilation = [1, 1], groups = 1 }: ConvGeometry,
  provider: Provider,
  strategies?: Strategies,
): Value {
  const [channels, batch, height, width] = fixed(x.shape) as [number, number, number, number];
  const [filters, wanted, kh, kw] = fixed(weight.shape) as [number, number, number, number];
  if (channels !== wanted * groups || filters % groups !== 0) {
    throw new Error(
      `Conv at ${g.path}: input [${x.shape.join(', ')}] has ${channels} channels, weight [${weight.shape.join(', ')}] ` +
        `in ${groups} groups wants ${wanted * groups} and a multiple of ${groups} filters`,
    );
  }
  const [size, kernel]: [Pair, Pair] = [
    [height, width],
    [kh, kw],
  ];
  const extent = pairOf((i) => slidingExtent(size[i], (kernel[i] - 1) * dilation[i] + 1, stride[i], 2 * padding[i]));
  const geometry = { kernel, stride, dilation, padding, behind: padding, size, extent };
  const shape = { batch, channels, filters, groups, ...geometry };
  const chosen = strategies ?? convStrategies(provider, shape, g.deterministic);
  const largest = chosen.largestColumns ?? largestColumns;
  const c: Conv = { g, x, weight, bias, ...shape, layout: 'CNHW', largestColumns: largest };
  const y = g.untracked(() => forwardLowerings[chosen.forward](c));
  return g.differentiable(bias ? [x, weight, bias] : [x, weight], y, (dy) => convGradients(c, chosen, dy), {
    again: true,
  });
}
