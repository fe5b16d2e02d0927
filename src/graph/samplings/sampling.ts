/** What a sampling is: which tuples of a batch a loss looks at. */
import type { GraphBuilder } from '../builder/builder.js';
import { requireBuilder } from '../builder/listing.js';
import type { Value } from '../onnx/nodes.js';
import type { Declarations, ValuesOf } from '../declarations.js';

/** What tuples point into: the batch itself, unless something says otherwise; the batch's rows come first. */
export interface Reference {
  /** float32 [m, d], L2-normalized */
  embeddings: Value;
  /** int32 [m] */
  labels: Value;
}

/** int32 indices: computed, or rows of numbers where they are the same in every batch. */
export type Indices = Value | readonly (readonly number[])[];

/** Each entry of `positives` and of `negatives` [a, t] makes a triplet with the anchor of its row. */
export interface Triplets {
  kind: 'triplets';
  /** [a, 1], into the embeddings. */
  anchors: Indices;
  /** [a, t], into the reference. */
  positives: Indices;
  negatives: Indices;
  /** float32 [a, t]; all 1 unless given. */
  weights?: Value;
}

/** Each entry of `others` [a, t] makes a pair with the anchor of its row; the labels tell whether it is a positive one. */
export interface Pairs {
  kind: 'pairs';
  /** [a, 1], into the embeddings. */
  anchors: Indices;
  /** [a, t], into the reference. */
  others: Indices;
  /** float32 [a, t]; all 1 unless given. */
  weights?: Value;
}

export type Tuples = Triplets | Pairs;

export interface SamplingInputs {
  /** float32 [n, d], L2-normalized; consecutive runs of `batchK` rows are of one class. No gradient flows through them. */
  embeddings: Value;
  /** int32 [n] */
  labels: Value;
  batchK: number;
  reference: Reference;
  /** Uniform random numbers in [0, 1) of the shape that `uniforms` declares, new ones in every step; null when it declares none. */
  uniforms: Value | null;
}

export interface Sampling {
  kind: Tuples['kind'];
  /** Shape of the random numbers that a step takes; no random numbers unless given. */
  uniforms?: (batch: { batchSize: number; batchK: number }) => number[];
  /** Writes the nodes that choose. Everything random comes from `uniforms`, so that runs repeat. */
  sample: (g: GraphBuilder, inputs: SamplingInputs) => Tuples;
}

export interface SamplingDefinition<D extends Declarations = Declarations> {
  name: string;
  options: D;
  create(values: ValuesOf<D>): Sampling;
}

/** A sampling with options of its own. */
export const defineSampling = <D extends Declarations>(definition: SamplingDefinition<D>): SamplingDefinition<D> =>
  definition;

/** Indices as a tensor, int32 [a, t]. */
export function indexTensor(g: GraphBuilder, indices: Indices): Value {
  requireBuilder(g, 'indexTensor(g, indices)');
  if ('name' in indices) return indices;
  return g.constant('int32', [indices.length, indices[0]?.length ?? 0], indices.flat());
}

/** Every row of a batch of n once, in order: [n, 1]. */
export const everyRow = (n: number): number[][] => Array.from({ length: n }, (_, i) => [i]);

/** The anchors' embeddings, [a, d]: without a node where every row is one. */
export function anchorRows(g: GraphBuilder, embeddings: Value, anchors: Indices): Value {
  requireBuilder(g, 'anchorRows(g, embeddings, anchors)');
  const isEvery =
    !('name' in anchors) && anchors.length === embeddings.shape[0] && anchors.every(([at], i) => at === i);
  if (isEvery) return embeddings;
  const flat = g.op('Reshape', [indexTensor(g, anchors), g.ints([-1])]);
  return g.op('Gather', [embeddings, flat], { axis: 0 });
}

/** For each row of a batch its batchK - 1 class mates in order, [n, batchK - 1]. */
export const classMates = (n: number, batchK: number): number[][] =>
  Array.from({ length: n }, (_, i) => {
    const first = i - (i % batchK);
    return Array.from({ length: batchK }, (_, j) => first + j).filter((j) => j !== i);
  });
