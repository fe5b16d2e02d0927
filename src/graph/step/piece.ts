/** Some consecutive images of a batch: what is embedded at a time where the batch is larger than memory. */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { TrainingOptions } from '../options.js';

export interface Piece {
  /** Images in it. */
  size: number;
  /** Images in the whole batch. */
  batchSize: number;
  /** Their places in the batch, int64 [size]. */
  places(g: GraphBuilder): Value;
  /** Those of `x`, whose `axis` counts the images of the batch. */
  rows(g: GraphBuilder, x: Value, axis?: number): Value;
}

const range = (first: number, length: number): number[] => Array.from({ length }, (_, i) => first + i);

const placedAt = (size: number, batchSize: number, places: Piece['places']): Piece => ({
  ...{ size, batchSize, places },
  rows: (g, x, axis = 0) => g.op('Gather', [x, places(g)], { axis }),
});

/** `microBatch` where it is less than the batch. */
export const piecesOf = ({
  batchSize,
  microBatch = batchSize,
}: Pick<TrainingOptions, 'batchSize' | 'microBatch'>): { microBatch?: number } =>
  microBatch < batchSize ? { microBatch } : {};

/** Images of the last piece, which is the smallest. */
export const lastPieceSize = (batchSize: number, size: number): number => batchSize % size || size;

/** @param index which of the pieces, all of `size`; an int64 scalar, or a number */
export function pieceOf(batchSize: number, size: number, index: Value | number): Piece {
  if (typeof index !== 'number') {
    return placedAt(size, batchSize, (g) =>
      g.op('Add', [g.op('Mul', [index, g.scalar(size, 'int64')]), g.ints(range(0, size))]),
    );
  }
  const first = index * size;
  const own = Math.min(size, batchSize - first);
  return placedAt(own, batchSize, (g) => g.ints(range(first, own)));
}

/** The images of a piece of a rank's share, where they are in the whole batch. @param first of the share, an int64 scalar */
export const inWholeBatch = (piece: Piece, first: Value, batchSize: number): Piece =>
  placedAt(piece.size, batchSize, (g) => g.op('Add', [piece.places(g), first]));
