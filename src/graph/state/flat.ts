/** Flat vectors and the tensors inside them. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { elementCount } from '../onnx/types.js';
import type { NamedShape } from './state.js';

/** Cuts a flat vector into its tensors, by name. */
export function unpack(g: GraphBuilder, vector: Value, specs: readonly NamedShape[]): Map<string, Value> {
  if (!specs.length) return new Map();
  return g.scope('unpack', () => {
    const sizes = g.ints(specs.map(({ shape }) => elementCount(shape)));
    const parts = g.ops('Split', [vector, sizes], { axis: 0 }, specs.length);
    return new Map(specs.map(({ name, shape }, i) => [name, g.op('Reshape', [parts[i]!, g.ints(shape)])]));
  });
}

/** Matrices first, for the order in which to write what follows each tensor: see `pack`. */
export const matricesFirst = <T>(items: readonly T[], isMatrix: (item: T) => boolean): T[] =>
  [true, false].flatMap((matrices) => items.filter((item) => isMatrix(item) === matrices));

/** Tensors in the order in which to write what follows each of them, see `pack`. */
export const packOrder = (tensors: readonly Value[]): Value[] =>
  matricesFirst(tensors, ({ shape }) => shape.length === 2);

/** Tensors one after the other, each reshaped to `shape` before; written in the order that `pack` tells of. */
export function joinReshaped(g: GraphBuilder, tensors: readonly Value[], shape: readonly number[]): Value {
  const reshaped = new Map(packOrder(tensors).map((tensor) => [tensor, g.op('Reshape', [tensor, g.ints(shape)])]));
  return g.op(
    'Concat',
    tensors.map((tensor) => reshaped.get(tensor)!),
    { axis: 0 },
  );
}

/**
 * Joins tensors to a flat vector.
 *
 * ONNX Runtime orders nodes depth first and runs a node's newest inputs first. The last layer's tensor is the newest here, so
 * that its gradient and then those before it are computed as the backward pass reaches them, and its working memory is free
 * again; in the other order the first layer's would come first and keep all the others' inputs alive. Matrices, the gradients of
 * linear layers, are the oldest and come at the end: they are larger than the two tensors that they are the product of.
 */
export function pack(g: GraphBuilder, tensors: readonly Value[]): Value {
  if (!tensors.length) return g.constant('float32', [0], []);
  return g.scope('pack', () => joinReshaped(g, tensors, [-1]));
}
