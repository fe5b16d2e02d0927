/** Reductions. */
import type { GraphBuilder } from '../builder/builder.js';
import { requireBuilder } from '../builder/listing.js';
import type { Value } from '../onnx/nodes.js';

/** Sum over `axes`, which stay as dimensions of 1. */
export const sum = (g: GraphBuilder, x: Value, axes: readonly number[]): Value => {
  requireBuilder(g, 'sum(g, x, axes)');
  return g.op('ReduceSum', [x, g.ints(axes)], { keepdims: 1 });
};
