/** Operators that move elements without changing them, by name. */
import type { GraphBuilder } from '../builder/builder.js';
import { requireBuilder } from '../builder/listing.js';
import type { Value } from '../onnx/nodes.js';
import { fixed } from '../onnx/nodes.js';
import type { Dim } from '../onnx/types.js';
import { greatestDivisor } from '../onnx/types.js';
import { scatterRows } from '../operators/scatter-rows.js';

/** Same elements in row-major order, another shape; -1 stands for what is left. */
export const reshape = (g: GraphBuilder, x: Value, shape: readonly number[]): Value => {
  requireBuilder(g, 'reshape(g, x, shape)');
  return g.op('Reshape', [x, g.ints(shape)]);
};

/** Permutes axes: axis i of the result is axis perm[i] of `x`. */
export const transpose = (g: GraphBuilder, x: Value, perm: readonly number[]): Value => {
  requireBuilder(g, 'transpose(g, x, perm)');
  return g.op('Transpose', [x], { perm: [...perm] });
};

/** Of sizes that are known, the greatest common divisor; else 1. */
const divisorOf = (sizes: readonly Dim[]): number =>
  sizes.every((size) => typeof size === 'number') ? sizes.reduce(greatestDivisor) : 1;

/** Joins along an axis; on CUDA by rows of channels, for fewer places on it: see `state/rows.ts`. */
export const concat = (g: GraphBuilder, xs: readonly Value[], axis: number): Value => {
  requireBuilder(g, 'concat(g, xs, axis)');
  const row = g.provider === 'cuda' && axis === 0 ? divisorOf(xs.map(({ shape }) => shape[0]!)) : 1;
  if (row === 1) return g.op('Concat', xs, { axis });
  const rest = fixed(xs[0]!.shape).slice(1);
  const rows = xs.map((x) => reshape(g, x, [-1, row, ...rest]));
  return reshape(g, g.op('Concat', rows, { axis }), [-1, ...rest]);
};

/**
 * Rows of `x` [m, ...] at int32 or int64 `indices` of any shape S: S + [...].
 *
 * @param indices from 0 on. Unlike Gather's they may not count from the end, which saves its gradient looking for such
 */
export const gatherRows = (g: GraphBuilder, x: Value, indices: Value): Value => {
  requireBuilder(g, 'gatherRows(g, x, indices)');
  const rows = g.untracked(() => g.op('Gather', [x, indices], { axis: 0 }));
  return g.differentiable([x], rows, (dy) => [scatterRows(g, dy, indices, fixed(x.shape))], { again: true });
};
