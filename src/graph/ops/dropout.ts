/** Dropout whose random numbers are an input of the graph. */
import type { GraphBuilder, Value } from '../builder/builder.js';
import { elementCount, greatestDivisor } from '../onnx/types.js';
import { mul } from './arithmetic.js';

/** Zeroes elements of `x` at random and scales the others up, so that the expectation stays. */
export type Dropout = (g: GraphBuilder, x: Value) => Value;

/** What a byte can tell apart. */
const levels = 256;

/**
 * `count` bytes from `begin` on. ONNX Runtime makes one Split of several Slices of a tensor, which CUDA does with a table of 8 bytes a
 * place: see `state/rows.ts`. So there they are taken in rows.
 */
function part(g: GraphBuilder, bytes: Value, begin: number, count: number): Value {
  const row = g.provider === 'cuda' ? greatestDivisor(greatestDivisor(bytes.shape[0] as number, begin), count) : 1;
  const rows = row === 1 ? bytes : g.op('Reshape', [bytes, g.ints([-1, row])]);
  return g.op('Slice', [rows, g.ints([begin / row]), g.ints([(begin + count) / row]), g.ints([0])]);
}

/** Of the images of a piece among those of a batch; see `step/piece.ts`. */
interface Part {
  size: number;
  batchSize: number;
  rows(g: GraphBuilder, x: Value, axis: number): Value;
}

/** Which axis counts images: feature maps are (C, N, H, W), features [N, F]. */
const imageAxis = ({ shape }: Value): number => (shape.length === 4 ? 1 : 0);

/**
 * Each layer takes the next of `bytes`, one an element. An element is kept where its byte is at least t = round(256 p), and
 * multiplied by 256 / (256 - t): p is a multiple of 1/256, exactly. The gradient is dy times the same factors.
 *
 * @param bytes uint8 [elements of all layers], uniformly distributed
 * @param probability p, of an element to be zeroed
 * @param piece the images that the layers are given; of the whole batch's bytes, theirs are taken. All unless given
 */
export function randomDropout(bytes: Value, probability: number, piece?: Part): Dropout {
  const threshold = Math.round(levels * probability);
  let taken = 0;
  return (g, x) =>
    g.scope('dropout', () => {
      const axis = imageAxis(x);
      const shape = (x.shape as number[]).map((size, i) => (piece && i === axis ? piece.batchSize : size));
      const count = elementCount(shape);
      const all = part(g, bytes, taken, count);
      const own = piece ? piece.rows(g, g.op('Reshape', [all, g.ints(shape)]), axis) : all;
      taken += count;
      const above = g.op('Sub', [g.op('Cast', [own], { to: 'float32' }), g.scalar(threshold - 1)]);
      const kept = g.op('Clip', [above, g.scalar(0), g.scalar(1)]);
      const factors = g.op('Mul', [kept, g.scalar(levels / (levels - threshold))]);
      return mul(g, x, g.op('Reshape', [factors, g.ints(x.shape as number[])]));
    });
}
