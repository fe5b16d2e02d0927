/** Margin loss (Wu et al. 2017, section 4.2) over the triplets of a batch. */
import type { GraphBuilder, Value } from './builder.js';
import { add, div, mul, relu, sqrt, sub } from './ops/arithmetic.js';
import { sum } from './ops/reduce.js';
import { gatherRows, reshape } from './ops/shape.js';

export interface MarginLossInputs {
  /** [n, d], consecutive runs of `batchK` rows of one class. */
  embeddings: Value;
  /** int32 [n, batchK - 1]. */
  negatives: Value;
  /** int32 [n]. */
  labels: Value;
  /** [classes]. */
  beta: Value;
  batchK: number;
  margin: number;
  nu: number;
}

/** For each anchor its batchK - 1 class mates in order. */
function positivesOf(n: number, batchK: number): number[] {
  return Array.from({ length: n }, (_, i) => {
    const first = i - (i % batchK);
    return Array.from({ length: batchK }, (_, j) => first + j).filter((j) => j !== i);
  }).flat();
}

/**
 * With d_ap, d_an the distances of anchor to positive and negative and b the anchor's beta: each pair contributes
 * max(0, d_ap - b + margin) and max(0, b - d_an + margin); the loss is (their sum + nu * sum of b over the triplets) divided by the
 * number of contributions above 0 (at least 1).
 *
 * @returns loss (float32 scalar) and pairs (int32 scalar), the number of contributions above 0
 */
export function marginLoss(
  g: GraphBuilder,
  { embeddings, negatives, labels, beta, batchK, margin, nu }: MarginLossInputs,
): { loss: Value; pairs: Value } {
  const [n, d] = embeddings.shape as [number, number];
  const anchors = reshape(g, embeddings, [n, 1, d]);
  const positives = g.constant('int32', [n, batchK - 1], positivesOf(n, batchK));
  const distanceTo = (indices: Value) => {
    const difference = sub(g, gatherRows(g, embeddings, indices), anchors);
    return sqrt(g, add(g, sum(g, mul(g, difference, difference), [2]), g.scalar(1e-8)));
  };
  const betas = reshape(g, gatherRows(g, beta, labels), [n, 1, 1]);
  const m = g.scalar(margin);
  const positiveLoss = relu(g, add(g, sub(g, distanceTo(positives), betas), m));
  const negativeLoss = relu(g, add(g, sub(g, betas, distanceTo(negatives)), m));

  const active = (terms: Value) => g.op('Cast', [g.op('Greater', [terms, g.scalar(0)])], { to: 1 });
  const everything = g.ints([0, 1, 2]);
  const count = g.op('ReduceSum', [g.op('Add', [active(positiveLoss), active(negativeLoss)]), everything], {
    keepdims: 0,
  });
  const contributions = sum(g, add(g, positiveLoss, negativeLoss), [0, 1, 2]);
  const regularization = mul(g, sum(g, betas, [0, 1, 2]), g.scalar(nu * (batchK - 1)));
  const total = reshape(g, nu ? add(g, contributions, regularization) : contributions, []);
  const loss = div(g, total, g.op('Max', [count, g.scalar(1)]));
  return { loss, pairs: g.op('Cast', [count], { to: 6 }) };
}
