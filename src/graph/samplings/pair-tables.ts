/**
 * What is the same in every batch of a size: tables with an entry for each pair of its places, or for each place. Small ones lie in the graph;
 * large ones, and those of a batch that is embedded in pieces, are computed, so that the graph does not grow with the batch.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import { countUp } from '../operators/broadcasting.js';
import type { Indices } from './sampling.js';
import { classMates } from './sampling.js';

/** Entries; 256 KiB of float32. */
const largestTable = 2 ** 16;

export const isComputed = (g: GraphBuilder, entries: number): boolean => g.isDivided || entries > largestTable;

/** Batch position i holds class floor(i / batchK): 1 where two have different classes, [n, n]. */
export const differentClasses = (g: GraphBuilder, n: number, batchK: number): Value =>
  g.constant(
    'float32',
    [n, n],
    Float32Array.from({ length: n * n }, (_, at) => {
      const [i, j] = [Math.floor(at / n), at % n];
      return Math.floor(i / batchK) === Math.floor(j / batchK) ? 0 : 1;
    }),
  );

/** 1 where row and column are the same place, [n, m]. */
export function identityOf(g: GraphBuilder, n: number, m: number): Value {
  if (isComputed(g, n * m)) {
    const isSame = g.op('Equal', [countUp(g, [n, 1], 'int32'), countUp(g, [1, m], 'int32')]);
    return g.op('Cast', [isSame], { to: 'float32' });
  }
  const diagonal = Float32Array.from({ length: n * m }, (_, at) => (Math.floor(at / m) === at % m ? 1 : 0));
  return g.constant('float32', [n, m], diagonal);
}

/** `classMates`: those of a class are that many places from its first one. */
export function matesOf(g: GraphBuilder, n: number, batchK: number): Indices {
  if (!isComputed(g, n * (batchK - 1))) return classMates(n, batchK);
  const mates = classMates(batchK, batchK);
  const first = g.op('Mul', [countUp(g, [n / batchK, 1, 1], 'int32'), g.scalar(batchK, 'int32')]);
  const each = g.op('Add', [first, g.constant('int32', [1, batchK, batchK - 1], mates.flat())]);
  return g.op('Reshape', [each, g.ints([n, batchK - 1])]);
}
