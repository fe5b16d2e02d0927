/**
 * Distance-weighted sampling (Wu et al. 2017, section 4.1) inside the graph: negatives are drawn with probability
 * proportional to 1 / q(d), where q(d) ~ d^(D-2) (1 - d^2 / 4)^((D-3)/2) is the density of distances between random points
 * on the unit sphere in D dimensions.
 */
import type { GraphBuilder } from '../builder/builder.js';
import type { Value } from '../onnx/nodes.js';
import type { SamplingInputs } from './sampling.js';
import { differentClasses, identityOf, isComputed, matesOf } from './pair-tables.js';
import { defineSampling, everyRow } from './sampling.js';

/** Distances are raised to `cutoff` first; negatives at or beyond `nonzeroLossCutoff` are not drawn. */
export const samplingCutoffs = { cutoff: 0.5, nonzeroLossCutoff: 1.4 } as const;

const lowest = -3e38;

/** 1 where a row of the batch and one of the reference have different classes, [n, m]. */
function othersOf(g: GraphBuilder, { embeddings, labels, batchK, reference }: WeightInputs): Value {
  const n = embeddings.shape[0] as number;
  const isBatch = reference.embeddings.name === embeddings.name;
  if (isBatch && !isComputed(g, n * n)) return differentClasses(g, n, batchK);
  const column = g.op('Reshape', [labels, g.ints([-1, 1])]);
  const row = g.op('Reshape', [reference.labels, g.ints([1, -1])]);
  return g.op('Cast', [g.op('Not', [g.op('Equal', [column, row])])], { to: 'float32' });
}

/** What the weights depend on. */
export type WeightInputs = Omit<SamplingInputs, 'uniforms'>;

/**
 * Sampling weights [n, m] of each row's negatives, not normalized.
 *
 * The squared distance is clamped at 0 before the root: 2 - 2ab goes negative in float32. The largest log-weight among a
 * row's candidates is taken off before `Exp`: the same distribution, without the underflow that one maximum for the whole
 * matrix causes at high dimension. A row without candidates is uniform over the other classes.
 */
export function samplingWeights(g: GraphBuilder, inputs: WeightInputs, normalizeWeights: boolean): Value {
  const { embeddings, reference } = inputs;
  const [n, d] = embeddings.shape as [number, number];
  const m = reference.embeddings.shape[0] as number;
  const number = (value: number) => g.scalar(value);
  const other = othersOf(g, inputs);
  const identity = identityOf(g, n, m);

  const products = g.op('Gemm', [embeddings, reference.embeddings], { transB: 1 });
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
  const candidate = g.op('Mul', [g.op('Cast', [near], { to: 'float32' }), other]);
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

/** How many of each row of `cdf` [n, m], which ascends, are at or below each of its row of `uniforms` [n, draws]; as many as all at most m - 1. */
type Below = (g: GraphBuilder, cdf: Value, uniforms: Value) => Value;

/** By comparing all with all, [n, draws, m]. */
const countBelow: Below = (g, cdf, uniforms) => {
  const [n, draws] = uniforms.shape as [number, number];
  const m = cdf.shape[1] as number;
  const cells = g.op('Reshape', [cdf, g.ints([n, 1, m])]);
  const passed = g.op('LessOrEqual', [cells, g.op('Reshape', [uniforms, g.ints([n, draws, 1])])]);
  const index = g.op('ReduceSum', [g.op('Cast', [passed], { to: 'float32' }), g.ints([2])], { keepdims: 0 });
  return g.op('Cast', [g.op('Min', [index, g.scalar(m - 1)])], { to: 'int32' });
};

/** By bisection, [n, draws] a round: sums of weights from 0 on ascend, rounded as well. */
const searchBelow: Below = (g, cdf, uniforms) => {
  const m = cdf.shape[1] as number;
  const int = (value: number) => g.scalar(value, 'int32');
  const rounds = Math.ceil(Math.log2(m));
  const none = g.op('Expand', [int(0), g.ints(uniforms.shape as number[])]);
  const { carried } = g.loop(
    g.scalar(rounds, 'int64'),
    [none, int(2 ** (rounds - 1))],
    (inner, _round, [found, stride]) => {
      const further = inner.op('Add', [found!, stride!]);
      const last = inner.op('Min', [inner.op('Sub', [further, int(1)]), int(m - 1)]);
      const isBelow = inner.op('LessOrEqual', [inner.op('GatherElements', [cdf, last], { axis: 1 }), uniforms]);
      const isThere = inner.op('Less', [further, int(m)]);
      const next = inner.op('Where', [inner.op('And', [isBelow, isThere]), further, found!]);
      return { carried: [next, inner.op('Div', [stride!, int(2)])], collected: [] };
    },
    rounds,
  );
  return carried[0]!;
};

/**
 * Draws negatives by the inverse of the cumulative distribution: the first index whose cumulative weight exceeds u.
 *
 * @param weights [n, m]
 * @param uniforms [n, draws] in [0, 1)
 * @returns int32 [n, draws], indices into the reference
 */
export function sampleNegatives(g: GraphBuilder, weights: Value, uniforms: Value): Value {
  const [n, m] = weights.shape as [number, number];
  const cumulative = g.op('CumSum', [weights, g.scalar(1, 'int64')]);
  const total = g.op('Slice', [cumulative, g.ints([m - 1]), g.ints([m]), g.ints([1])]);
  const cdf = g.op('Div', [cumulative, total]);
  return (isComputed(g, n * m) ? searchBelow : countBelow)(g, cdf, uniforms);
}

/** Each row of the batch with each of its class mates, and a negative for each of them. */
export const distanceWeighted = defineSampling({
  name: 'distance-weighted',
  options: {
    normalizeWeights: { default: false, description: "rescale a batch's log-weights to [0, 1] before sampling" },
  },
  create: ({ normalizeWeights }) => ({
    kind: 'triplets',
    uniforms: ({ batchSize, batchK }) => [batchSize, batchK - 1],
    sample: (g, { uniforms, ...inputs }) => {
      const n = inputs.embeddings.shape[0] as number;
      const negatives = sampleNegatives(g, samplingWeights(g, inputs, normalizeWeights), uniforms!);
      return { kind: 'triplets', anchors: everyRow(n), positives: matesOf(g, n, inputs.batchK), negatives };
    },
  }),
});
