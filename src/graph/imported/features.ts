/** From a tensor of a file to features, [N, D]. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import type { Shape } from '../onnx/types.js';
import { showShape } from '../onnx/types.js';
import type { ImageLayout } from './prepare.js';

/**
 * How tokens [N, T, D] or maps become one row.
 *
 * - `auto`: means of maps; tokens have no such rule
 * - `cls`: the first token
 * - `mean`: means over tokens, or over height and width
 * - `gem`: (mean of max(x, 1e-6)^3)^(1/3), generalized means (Radenović et al. 2018) with its power as it is commonly left
 */
export const poolings = ['auto', 'cls', 'mean', 'gem'] as const;
export type Pooling = (typeof poolings)[number];

const power = 3;
const least = 1e-6;

const meanOver = (g: GraphBuilder, x: Value, axes: readonly number[]): Value =>
  g.op('ReduceMean', [x, g.ints(axes)], { keepdims: 0 });

function generalizedMean(g: GraphBuilder, x: Value, axes: readonly number[]): Value {
  const above = g.op('Max', [x, g.scalar(least)]);
  const cubes = g.op('Mul', [g.op('Mul', [above, above]), above]);
  return g.op('Pow', [meanOver(g, cubes, axes), g.scalar(1 / power)]);
}

function firstToken(g: GraphBuilder, x: Value): Value {
  return g.op('Squeeze', [g.op('Slice', [x, g.ints([0]), g.ints([1]), g.ints([1])]), g.ints([1])]);
}

/**
 * Height and width of maps. Images are squares, so these are alike; where all three are, they lie as the images do. Convolutions have channels
 * in front whatever the images have; exporters turn them back, or not.
 */
function spatialAxes([, second, third, last]: Shape, layout: ImageLayout): number[] {
  const isBehind = third === last && !(second === third && layout === 'NHWC');
  return isBehind ? [2, 3] : [1, 2];
}

/**
 * @param layout of the file's images
 * @throws Error for a shape that no pooling makes features of
 */
export function pooled(g: GraphBuilder, x: Value, pooling: Pooling, layout: ImageLayout): Value {
  const rank = x.shape.length;
  const what = `the tensor for features has the shape ${showShape(x.shape)}`;
  if (rank === 2) {
    if (pooling === 'auto') return x;
    throw new Error(`${what}, which is features already: leave out --pool ${pooling}`);
  }
  if (rank === 3) {
    if (pooling === 'auto') throw new Error(`${what}, tokens: choose --pool cls, mean or gem`);
    if (pooling === 'cls') return firstToken(g, x);
    return (pooling === 'gem' ? generalizedMean : meanOver)(g, x, [1]);
  }
  if (rank !== 4) throw new Error(`${what}: [N, D], [N, T, D] or [N, C, H, W] is wanted; name another with --features`);
  if (pooling === 'cls') throw new Error(`${what}, maps: there is no first token; leave out --pool cls`);
  const axes = spatialAxes(x.shape, layout);
  return (pooling === 'gem' ? generalizedMean : meanOver)(g, x, axes);
}
