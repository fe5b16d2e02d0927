/** The nearest of some centers to each point, as a graph: the costly half of a round of k-means. */
import { GraphBuilder } from '../builder/builder.js';
import { encodeModel } from '../onnx/schema.js';

/**
 * Inputs: `points` [points, dim], `centers` [centers, dim]. Outputs: `nearest` int32 [points, 1], the place of the nearest center, of
 * equally near ones the first (TopK's rule); and `closeness` [points, 1], its 2 p.c - |c|^2, which is the largest.
 */
export function buildNearestCenterModel({ dim }: { dim: number }): Uint8Array {
  const g = new GraphBuilder();
  const points = g.input('points', 'float32', ['points', dim]);
  const centers = g.input('centers', 'float32', ['centers', dim]);
  const norms = g.op('ReduceSumSquare', [centers, g.ints([1])], { keepdims: 1 });
  const offsets = g.op('Neg', [g.op('Transpose', [norms], { perm: [1, 0] })]);
  const closeness = g.op('Gemm', [points, centers, offsets], { alpha: 2, transB: 1 });
  const [largest, nearest] = g.ops('TopK', [closeness, g.ints([1])], { axis: 1, largest: 1, sorted: 1 }, 2);
  g.output('nearest', g.op('Cast', [nearest!], { to: 'int32' }));
  g.output('closeness', largest!);
  return encodeModel(g.model('nearest_center'));
}
