/** How the state's vectors lie while steps are taken: flat, as checkpoints have them, or in rows where that saves copies. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { Provider } from '../options.js';
import { pack, unpack } from './flat.js';
import { fillRows, packRows, rowLayout, unpackRows } from './rows.js';
import { fromRuns, runsOf, toRuns, worthALaunch, worthAPass } from './runs.js';
import type { NamedShape, NetworkLayout } from './state.js';

export interface VectorPacking {
  /** Into its tensors, by name, in the order of the layout. */
  unpack(g: GraphBuilder, vector: Value): Map<string, Value>;
  /** Of all of its tensors, in the order of the layout. */
  pack(g: GraphBuilder, tensors: readonly Value[]): Value;
  /**
   * A constant of the vector's layout, the same value throughout each tensor; zeros between them. There where running statistics are
   * renewed as one vector, see `TrainingMode`.
   */
  fill?(g: GraphBuilder, valueOf: (spec: NamedShape) => number): Value;
  /** The tensors in a flat vector, likewise; for what is run once on each. */
  fromFlat(g: GraphBuilder, flat: Value): Map<string, Value>;
  /** From the flat vector, and back to it: once a run. */
  enter(g: GraphBuilder, flat: Value): Value;
  leave(g: GraphBuilder, vector: Value): Value;
}

export interface Packing {
  /** Of `params`, and of what the optimizer keeps beside them. */
  params: VectorPacking;
  buffers: VectorPacking;
  /** Where what stands behind the backbone's body begins in `params`, and its length; both multiples of `row`. */
  places: { bodyCount: number; paramCount: number; row: number };
}

const same = (_g: GraphBuilder, vector: Value): Value => vector;

const flatVector = (specs: readonly NamedShape[]): VectorPacking => ({
  unpack: (g, vector) => unpack(g, vector, specs),
  fromFlat: (g, vector) => unpack(g, vector, specs),
  pack,
  enter: same,
  leave: same,
});

/** State as checkpoints have it. */
export const flatPacking = ({ params, buffers, paramCount, bodyCount }: NetworkLayout): Packing => ({
  params: flatVector(params),
  buffers: flatVector(buffers),
  places: { bodyCount, paramCount, row: 1 },
});

function rowVector(specs: readonly NamedShape[], bodyCount = 0) {
  const layout = rowLayout(specs, bodyCount);
  const pieces = runsOf(specs, worthALaunch);
  const parts = runsOf(specs, worthAPass);
  const vector: VectorPacking = {
    fill: (g, valueOf) => fillRows(g, layout, valueOf),
    unpack: (g, vector) => unpackRows(g, vector, layout),
    pack: (g, tensors) => packRows(g, tensors, layout),
    fromFlat: (g, flat) => fromRuns(g, flat, pieces),
    enter: (g, flat) => packRows(g, [...fromRuns(g, flat, pieces).values()], layout),
    leave: (g, vector) => toRuns(g, [...unpackRows(g, vector, layout).values()], parts),
  };
  return { vector, layout };
}

/** State in rows. */
export function rowPacking({ params, buffers, bodyCount }: NetworkLayout): Packing {
  const { vector, layout } = rowVector(params, bodyCount);
  const places = { bodyCount: layout.bodyCount, paramCount: layout.count, row: layout.row };
  return { params: vector, buffers: rowVector(buffers).vector, places };
}

const packings: Record<Provider, (layout: NetworkLayout) => Packing> = {
  cpu: flatPacking,
  cuda: rowPacking,
  webgpu: flatPacking,
};

export const packingOf = (provider: Provider, layout: NetworkLayout): Packing => packings[provider](layout);
