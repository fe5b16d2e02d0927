/**
 * Distance-weighted sampling (Wu et al. 2017, section 4.1) inside the graph: negatives are drawn with probability
 * proportional to 1 / q(d), where q(d) ~ d^(D-2) (1 - d^2 / 4)^((D-3)/2) is the density of distances between random points
 * on the unit sphere in D dimensions.
 */
import type { Value } from './builder.js';
import { GraphBuilder } from './builder.js';
import { encodeModel } from './onnx/schema.js';
import type { TrainingOptions } from './options.js';

/** Distances are raised to `cutoff` first; negatives at or beyond `nonzeroLossCutoff` are not drawn. */
export const samplingCutoffs = { cutoff: 0.5, nonzeroLossCutoff: 1.4 } as const;

const lowest = -3e38;

/** Batch position i holds class floor(i / batchK): the constant matrix of pairs of different classes. */
function otherClass(n: number, batchK: number): Float32Array {
  return Float32Array.from({ length: n * n }, (_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    return Math.floor(i / batchK) === Math.floor(j / batchK) ? 0 : 1;
  });
}

/**
 * Sampling weights [n, n] of each row's negatives, not normalized.
 *
 * The squared distance is clamped at 0 before the root: 2 - 2ab goes negative in float32. The largest log-weight among a
 * row's candidates is taken off before `Exp`: the same distribution, without the underflow that one maximum for the whole
 * matrix causes at high dimension. A row without candidates is uniform over the other classes.
 *
 * @param embeddings [n, d], L2-normalized, consecutive runs of `batchK` rows of one class
 */
export function samplingWeights(g: GraphBuilder, embeddings: Value, batchK: number, normalizeWeights: boolean): Value {
  const [n, d] = embeddings.shape as [number, number];
  const number = (value: number) => g.scalar(value);
  const other = g.constant('float32', [n, n], otherClass(n, batchK));
  const identity = g.constant(
    'float32',
    [n, n],
    Float32Array.from({ length: n * n }, (_, i) => (i % (n + 1) ? 0 : 1)),
  );

  const products = g.op('Gemm', [embeddings, embeddings], { transB: 1 });
  const squared = g.op('Max', [g.op('Sub', [number(2), g.op('Mul', [products, number(2)])]), number(0)]);
  // The distance of a point to itself is 0, whose logarithm has no place here; it is masked out below.
  const distance = g.op('Max', [g.op('Sqrt', [g.op('Add', [squared, identity])]), number(samplingCutoffs.cutoff)]);
  const gap = g.op('Sub', [number(1), g.op('Mul', [g.op('Mul', [distance, distance]), number(0.25)])]);
  const plain = g.op('Sub', [
    g.op('Mul', [g.op('Log', [distance]), number(2 - d)]),
    g.op('Mul', [g.op('Log', [g.op('Max', [gap, number(1e-8)])]), number((d - 3) / 2)]),
  ]);
  const logWeights = normalizeWeights ? rescale(g, plain) : plain;

  const near = g.op('Less', [distance, number(samplingCutoffs.nonzeroLossCutoff)]);
  const candidate = g.op('Mul', [g.op('Cast', [near], { to: 1 }), other]);
  const isCandidate = g.op('Greater', [candidate, number(0)]);
  const largest = g.op('ReduceMax', [g.op('Where', [isCandidate, logWeights, number(lowest)]), g.ints([1])]);
  // At most 0 for candidates; the others, which may lie above, are masked.
  const exponent = g.op('Min', [g.op('Sub', [logWeights, largest]), number(0)]);
  const weights = g.op('Mul', [g.op('Exp', [exponent]), candidate]);
  const total = g.op('ReduceSum', [weights, g.ints([1])]);
  return g.op('Where', [g.op('Greater', [total, number(0)]), weights, other]);
}

/** (w - min) / (max - min + 1e-8) over the whole matrix (`--normalize-weights`). */
function rescale(g: GraphBuilder, logWeights: Value): Value {
  const everything = g.ints([0, 1]);
  const low = g.op('ReduceMin', [logWeights, everything]);
  const span = g.op('Add', [g.op('Sub', [g.op('ReduceMax', [logWeights, everything]), low]), g.scalar(1e-8)]);
  return g.op('Div', [g.op('Sub', [logWeights, low]), span]);
}

/**
 * Draws negatives by the inverse of the cumulative distribution: the first index whose cumulative weight exceeds u.
 *
 * @param uniforms [n, batchK - 1] in [0, 1)
 * @returns int32 [n, batchK - 1], indices into the batch
 */
export function sampleNegatives(g: GraphBuilder, weights: Value, uniforms: Value): Value {
  const [n, draws] = uniforms.shape as [number, number];
  const cumulative = g.op('CumSum', [weights, g.scalar(1, 'int64')]);
  const total = g.op('Slice', [cumulative, g.ints([n - 1]), g.ints([n]), g.ints([1])]);
  const cdf = g.op('Reshape', [g.op('Div', [cumulative, total]), g.ints([n, 1, n])]);
  const passed = g.op('LessOrEqual', [cdf, g.op('Reshape', [uniforms, g.ints([n, draws, 1])])]);
  const index = g.op('ReduceSum', [g.op('Cast', [passed], { to: 1 }), g.ints([2])], { keepdims: 0 });
  return g.op('Cast', [g.op('Min', [index, g.scalar(n - 1)])], { to: 6 });
}

export type SamplingOptions = Pick<TrainingOptions, 'batchSize' | 'embedDim' | 'batchK' | 'normalizeWeights'>;

/** The weights alone, to look at. Input: `embeddings` [batchSize, embedDim]. Output: `weights` [batchSize, batchSize]. */
export function buildSamplingModel({ batchSize, embedDim, batchK, normalizeWeights }: SamplingOptions): Uint8Array {
  const g = new GraphBuilder();
  const embeddings = g.input('embeddings', 'float32', [batchSize, embedDim]);
  g.output('weights', samplingWeights(g, embeddings, batchK, normalizeWeights));
  return encodeModel(g.model('sampling'));
}
